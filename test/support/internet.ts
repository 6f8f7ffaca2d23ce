/** Where the outside of a throwaway host is, and what its DNS server knows. Documentation ranges only. */
export const OUTSIDE = { address: "203.0.113.1", address6: "2001:db8::1" } as const;
export const HOST = { address: "203.0.113.2", address6: "2001:db8::2" } as const;

/** An address beyond the outside's link: reached by the host's default route alone. */
export const FAR = { address: "198.51.100.10", address6: "2001:db8:ffff::10" } as const;

export const INTERNET: Readonly<Record<string, readonly string[]>> = {
  "www.baidu.com": [FAR.address],
  "example.org": [FAR.address],
  "v6.example.org": [FAR.address, FAR.address6],
};
