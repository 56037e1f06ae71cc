/**
 * What an old row says and no column of ours can hold travels inside its JSON, so that nothing is lost.
 *
 * Columns that we do not have are added under their own names. A value that had to be replaced stands, as it was,
 * under `usagedb_adopted` and its column's name: text and numbers as such, bytes as `{"base64": "…"}`, a JSON
 * document that cannot be added to under `<column>_json`.
 */

/** A value as SQLite had it; text that is not UTF-8 arrives as its bytes. */
export type OldValue = string | number | Uint8Array | null;

export const ADOPTED_KEY = "usagedb_adopted";

/** Documents with more brackets are embedded as text: SQLite reads JSON up to a depth of 1,000. */
const MAX_EMBEDDED_BRACKETS = 900;

export interface OldDocument {
  readonly column: string;
  readonly value: OldValue;
  /** What SQLite's json_valid says of it. */
  readonly isJson: boolean;
}

/**
 * The JSON text of an old document together with what is carried in it. A document that needs neither repair nor
 * cargo is returned as it stands, byte for byte.
 * @param columns other columns, by name, that go beside the document's own keys.
 * @param replaced values that had to be replaced, by column.
 */
export function carry(
  { column, value, isJson }: OldDocument,
  columns: ReadonlyMap<string, OldValue>,
  replaced: ReadonlyMap<string, OldValue>,
): string {
  const added = [...columns].map(([name, old]) => member(name, embeddable(old)));
  const marks = [...replaced].map(([name, old]) => member(name, plainJson(old)));
  const withMarks = (...own: string[]): string[] => {
    const all = [...own, ...marks];
    return all.length === 0 ? added : [...added, `${JSON.stringify(ADOPTED_KEY)}:{${all}}`];
  };
  if (!isJson || typeof value !== "string")
    return `{${withMarks(member(column, plainJson(value)))}}`;
  const members = withMarks();
  if (members.length === 0) return value;
  if (canTake(value, [...columns.keys(), ADOPTED_KEY])) return addMembers(value, members);
  return `{${withMarks(isShallow(value) ? member(`${column}_json`, value) : member(column, plainJson(value)))}}`;
}

/** Adds to the text itself: parsing it would round its numbers and merge keys that stand twice. */
function addMembers(objectText: string, members: readonly string[]): string {
  const open = objectText.trimEnd().slice(0, -1);
  const isEmpty = /^\s*\{\s*$/.test(open);
  return `${open}${isEmpty ? "" : ","}${members}}`;
}

function canTake(jsonText: string, keys: readonly string[]): boolean {
  if (!jsonText.trimStart().startsWith("{")) return false;
  const object = parse(jsonText) as object | undefined;
  return object !== undefined && keys.every((key) => !Object.hasOwn(object, key));
}

/** An object or array as it stands, anything else as a JSON value of its own. */
function embeddable(old: OldValue): string {
  const isDocument = typeof old === "string" && /^\s*[[{]/.test(old) && isShallow(old);
  return isDocument && parse(old) !== undefined ? old : plainJson(old);
}

function isShallow(json: string): boolean {
  return (json.match(/[[{]/g)?.length ?? 0) <= MAX_EMBEDDED_BRACKETS;
}

function plainJson(old: OldValue): string {
  if (old instanceof Uint8Array) return `{"base64":"${Buffer.from(old).toString("base64")}"}`;
  const isNoJsonNumber = typeof old === "number" && !Number.isFinite(old);
  return JSON.stringify(isNoJsonNumber ? String(old) : old);
}

const member = (name: string, json: string): string => `${JSON.stringify(name)}:${json}`;

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON for JavaScript: the caller keeps it as text.
    return undefined;
  }
}
