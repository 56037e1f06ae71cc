/** A bundle's module, loaded by its path. */
import { resolve } from "node:path";
import type { MigrationBundle } from "../engine/source.ts";
import { MigrationError } from "../errors.ts";

/**
 * Loads the module that `migrate bundle` wrote.
 * @throws {MigrationError} MIGRATION_MODULE_INVALID when it cannot be loaded or exports no bundle.
 */
export async function loadBundle(path: string): Promise<MigrationBundle> {
  let exported: Record<string, unknown>;
  try {
    exported = (await import(resolve(path))) as Record<string, unknown>;
  } catch (cause) {
    return refuse(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const bundle = [exported["migrations"], ...Object.values(exported)].find(isBundle);
  return bundle ?? refuse(path, "it exports none");
}

function isBundle(value: unknown): value is MigrationBundle {
  if (typeof value !== "object" || value === null) return false;
  const { stamp, versions, load } = value as Partial<MigrationBundle>;
  return typeof stamp === "string" && Array.isArray(versions) && typeof load === "function";
}

function refuse(path: string, observed: string, cause?: unknown): never {
  throw new MigrationError(
    "MIGRATION_MODULE_INVALID",
    `Cannot use the bundle ${path}: ${observed}, expected a module that exports \`migrations\``,
    {
      details: { file: path },
      hint: "Name the module that `migrate bundle` wrote.",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
