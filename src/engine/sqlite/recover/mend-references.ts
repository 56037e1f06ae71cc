/** What becomes of rows that point at rows that are lost. */
import type { Binding, Connection } from "../connection.ts";
import { quoteIdentifier } from "../quote.ts";
import type { RecordValue } from "./record.ts";
import type { RowSink } from "./row-sink.ts";
import { readShapes, type TableShape } from "./table-shape.ts";

interface Reference {
  readonly child: string;
  readonly parent: string;
  /** Columns of the child and those of the parent that they name. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/**
 * Leaves no reference that leads nowhere. A parent of which its key says enough is entered with that; a reference
 * that may be NULL becomes NULL, and the row as it was is put aside; every other row is put aside itself.
 */
export function mendReferences(target: Connection, sink: RowSink): void {
  const shapes = readShapes(target);
  // A row that is taken out may be another's parent; there are no longer chains of tables than tables.
  for (let round = 0; round <= shapes.size; round++) {
    const broken = target.readOnce(
      'SELECT DISTINCT "table", fkid, "parent" FROM pragma_foreign_key_check',
    );
    if (broken.length === 0) return;
    for (const [table, id, parent] of broken) {
      const child = shapes.get(String(table));
      const parentShape = shapes.get(String(parent));
      if (child === undefined || parentShape === undefined) continue;
      mendOne(target, sink, {
        child,
        parent: parentShape,
        reference: readReference(target, child.name, Number(id)),
      });
    }
  }
}

interface BrokenReference {
  readonly child: TableShape;
  readonly parent: TableShape;
  readonly reference: Reference;
}

function mendOne(target: Connection, sink: RowSink, broken: BrokenReference): void {
  const { child, parent, reference } = broken;
  const [from, to] = [reference.from, reference.to].map((names) =>
    names.map(quoteIdentifier).join(", "),
  );
  const table = quoteIdentifier(child.name);
  const lost = `(${from}) NOT IN (SELECT ${to} FROM ${quoteIdentifier(parent.name)}) AND ${reference.from
    .map((name) => `${quoteIdentifier(name)} IS NOT NULL`)
    .join(" AND ")}`;
  if (isKnownByKey(target, parent, reference.to)) {
    target.runOnce(
      `INSERT INTO ${quoteIdentifier(parent.name)} (${to}) SELECT DISTINCT ${from} FROM ${table} WHERE ${lost}`,
    );
    sink.countOf(parent.name).rebuilt += Number(target.readOnce("SELECT changes()")[0]?.[0]);
    return;
  }
  const names = child.columns.map(({ name }) => name);
  const rows = target.readOnce(
    `SELECT ${names.map(quoteIdentifier).join(", ")} FROM ${table} WHERE ${lost}`,
  );
  const count = sink.countOf(child.name);
  const isOptional = reference.from.every(
    (name) => child.columns.find((column) => column.name === name)?.isNotNull === false,
  );
  const reason = `what its ${reference.from.join(", ")} names in ${parent.name} is lost`;
  for (const row of rows) {
    if (!isOptional) count.refuse(reason);
    sink.keepOriginal(
      child.name,
      namedRow(names, row),
      isOptional ? `kept without: ${reason}` : reason,
    );
  }
  if (isOptional) {
    count.changed += rows.length;
    const cleared = reference.from.map((name) => `${quoteIdentifier(name)} = NULL`).join(", ");
    target.runOnce(`UPDATE ${table} SET ${cleared} WHERE ${lost}`);
  } else {
    count.saved -= rows.length;
    target.runOnce(`DELETE FROM ${table} WHERE ${lost}`);
  }
}

const namedRow = (names: readonly string[], row: readonly Binding[]): Record<string, RecordValue> =>
  Object.fromEntries(names.map((name, index) => [name, row[index] as RecordValue]));

function readReference(target: Connection, child: string, id: number): Reference {
  const rows = target.readOnce(
    'SELECT "table", "from", "to" FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq',
    child,
    id,
  );
  return {
    child,
    parent: String(rows[0]?.[0]),
    from: rows.map(([, from]) => String(from)),
    to: rows.map(([, , to]) => String(to)),
  };
}

/** True when a row of the parent may consist of these columns and defaults. */
function isKnownByKey(target: Connection, parent: TableShape, key: readonly string[]): boolean {
  const needed = target.readOnce(
    'SELECT name FROM pragma_table_info(?) WHERE "notnull" = 1 AND dflt_value IS NULL',
    parent.name,
  );
  const isRowid = parent.rowidColumn !== null && key.length === 1;
  return !isRowid && needed.every(([name]) => key.includes(String(name)));
}
