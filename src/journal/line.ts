/** A line of the journal: `crc32 json\n`. */
import { crc32 } from 'node:zlib';

export function encodeLine(value: object): string {
  const json = JSON.stringify(value);
  return `${checksum(json)} ${json}\n`;
}

/** The JSON of a line without its end; null when the checksum does not fit. */
export function decodeLine(line: string): string | null {
  const json = line.slice(9);
  return line.slice(0, 8) === checksum(json) ? json : null;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
