/** Figures of usage as people read them. */
import { plainModel } from "../report/usage-filter.ts";
import { printable } from "./output.ts";

/** A sum that lacks a price says so: it is at least this much. */
export function dollars(usd: number, isPartly: boolean): string {
  if (!isPartly) return `$${usd.toFixed(2)}`;
  return usd === 0 ? "?" : `$${usd.toFixed(2)}+?`;
}

/** A model without the maker and the date; `--model` takes it so. */
export function shortModel(model: string): string {
  return printable(plainModel(model));
}

/** `1,234,567`. */
export function grouped(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1.2M`. */
export function compact(count: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const)
    // What would be rounded up to a thousand of a unit is one of the next.
    if (count >= size * 0.9995)
      return `${(count / size).toFixed(count >= 99.95 * size ? 0 : 1)}${unit}`;
  return String(count);
}

/** The last part of a project's path. */
export function shortProject(project: string): string {
  return printable(project.split("/").findLast((part) => part !== "") ?? project);
}
