/** What a declared type does to values. */

/** SQLite's rules for a declared type; null for a column that keeps every value as it is. */
export function affinityOf(type: string): { readonly name: string; readonly keeps: string } | null {
  if (type.includes("INT")) return { name: "INTEGER", keeps: "'integer', 'null'" };
  if (/CHAR|CLOB|TEXT/.test(type))
    return { name: "TEXT", keeps: "'text', 'integer', 'real', 'null'" };
  if (type === "" || type === "ANY" || type.includes("BLOB")) return null;
  const name = /REAL|FLOA|DOUB/.test(type) ? "REAL" : "NUMERIC";
  return { name, keeps: "'integer', 'real', 'null'" };
}
