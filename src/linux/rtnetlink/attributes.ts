/** Numbers of rtnetlink(7) that are both written and read, or read in several places: linux/rtnetlink.h and what it includes. */

/** Messages, and the group that links are told to. */
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_DELADDR = 21;
export const RTM_GETNEIGH = 30;
export const RTNLGRP_LINK = 1;

/** Links: linux/if_link.h, linux/if.h. */
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
export const IFLA_STATS64 = 23;
export const IFLA_LINK_NETNSID = 37;
export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;

/** Within IFLA_LINKINFO, and within what that has of a kind. */
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const IFLA_INFO_SLAVE_KIND = 4;
export const IFLA_INFO_SLAVE_DATA = 5;
/** Hairpin mode, a byte. */
export const IFLA_BRPORT_MODE = 4;
export const IFLA_MACVLAN_MODE = 1;
export const IFLA_VLAN_ID = 1;

/** Addresses: linux/if_addr.h. */
export const IFADDRMSG_SIZE = 8;
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
export const IFA_BROADCAST = 4;
export const IFA_FLAGS = 8;

/** Routes. */
export const RTMSG_SIZE = 12;
export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_TABLE = 15;
/** `struct rtvia { __u16 rtvia_family; __u8 rtvia_addr[]; }`: a gateway of the other family. */
export const RTA_VIA = 18;

/** Neighbours: linux/neighbour.h. */
export const NDMSG_SIZE = 12;
export const NDA_DST = 1;
export const NDA_LLADDR = 2;
export const NUD_PERMANENT = 0x80;
