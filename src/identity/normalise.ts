/**
 * One spelling for one identity. Producers of one topic may write the same id with JSON quotes around it (Connect's
 * JSON converter), in braces (.NET), as a URN or in capitals; apart from those shapes a text stays as it is, because
 * ids are case-sensitive by default. Normalising twice changes nothing.
 */

/** So much of an identity is kept and shown in clear, in UTF-16 units. The hash is of the whole. */
export const CLEAR_TEXT_MAX = 256;

/** No UUID, ULID or ObjectId in any spelling is longer. */
const SHAPED_MAX = 60;
const UUID =
  /^(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i;
/** As most are written: told at once. */
const PLAIN_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
const OBJECT_ID = /^[0-9a-f]{24}$/i;
const INTEGER = /^-?\d{1,20}$/;

/** The one spelling; an empty text where nothing is left. */
export function normalise(text: string): string {
  if (text.length === 36 && PLAIN_UUID.test(text)) return text;
  const bare = unquoted(text);
  if (bare.length > SHAPED_MAX) return bare;
  const uuid = UUID.exec(bare);
  if (uuid !== null) return uuid.slice(1).join('-').toLowerCase();
  if (ULID.test(bare)) return bare.toUpperCase();
  if (OBJECT_ID.test(bare)) return bare.toLowerCase();
  return bare;
}

/** Whether a normalised text has the shape of an id that a machine made: UUID, ULID, ObjectId or an integer. */
export function hasIdShape(text: string): boolean {
  return (
    text.length <= SHAPED_MAX &&
    (UUID.test(text) || ULID.test(text) || OBJECT_ID.test(text) || INTEGER.test(text))
  );
}

/** What is kept and shown of an identity. */
export function clearText(text: string): string {
  if (text.length <= CLEAR_TEXT_MAX) return text;
  // A surrogate pair is not cut in two.
  const end = /[\uD800-\uDBFF]/.test(text[CLEAR_TEXT_MAX - 2] as string) ? 2 : 1;
  return `${text.slice(0, CLEAR_TEXT_MAX - end)}…`;
}

/** Without white space and pairs of JSON quotes around it, however many. */
function unquoted(text: string): string {
  let bare = text.trim();
  while (bare.length >= 2 && bare.startsWith('"') && bare.endsWith('"')) bare = bare.slice(1, -1).trim();
  return bare;
}
