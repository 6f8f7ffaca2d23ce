/**
 * Whether a program needs no other file to run, by its program headers (elf(5)).
 *
 *     typedef struct {                   // 64 bit
 *       unsigned char e_ident[16];       //  0  "\x7fELF", class at 4 (2: 64 bit), byte order at 5 (1: little)
 *       uint16_t e_type, e_machine;      // 16
 *       uint32_t e_version;
 *       uint64_t e_entry, e_phoff;       // 24, 32
 *       uint64_t e_shoff;
 *       uint32_t e_flags;
 *       uint16_t e_ehsize, e_phentsize, e_phnum;  // 52, 54, 56
 *     } Elf64_Ehdr;
 */
const MAGIC = Buffer.from("\x7fELF", "latin1");
const PT_INTERP = 3;

/** The class-dependent offsets: e_phoff, then e_phentsize; e_phnum follows that. */
const LAYOUT = { 1: { table: 28, entrySize: 42 }, 2: { table: 32, entrySize: 54 } } as const;

/** False for what is no ELF file at all, or asks for a dynamic loader. */
export function isStaticElf(file: Buffer): boolean {
  const size = file[4];
  if (!file.subarray(0, 4).equals(MAGIC) || file.length < 64 || (size !== 1 && size !== 2)) return false;
  const little = file[5] === 1;
  const u16 = (at: number) => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const u32 = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const u64 = (at: number) => Number(little ? file.readBigUInt64LE(at) : file.readBigUInt64BE(at));
  const { table, entrySize } = LAYOUT[size];
  const start = size === 2 ? u64(table) : u32(table);
  for (let i = 0; i < u16(entrySize + 2); i += 1) {
    const at = start + i * u16(entrySize);
    if (at + 4 > file.length) return false;
    if (u32(at) === PT_INTERP) return false; // p_type comes first in either class
  }
  return true;
}
