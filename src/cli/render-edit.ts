/** What was changed in a migration after it was applied, as a patch; by jsdiff, loaded for such an error only. */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import type { MigrationEdit } from "../migration/edits.ts";
import { formatVersion } from "../migration/version.ts";
import { printable } from "./output.ts";

const CONTEXT_LINES = 2;
const MAX_LINES = 60;

/** A unified patch from the text that ran to the text in the file; long ones are cut, and say so. */
export function renderEdit({
  version,
  name,
  file,
  section,
  applied,
  current,
}: MigrationEdit): string[] {
  const normal = (text: string): string => `${text.replaceAll("\r\n", "\n").trim()}\n`;
  const patch = createTwoFilesPatch(
    `applied ${formatVersion(version)}_${name} (${section})`,
    file,
    normal(applied),
    normal(current),
    "",
    "",
    { context: CONTEXT_LINES, headerOptions: FILE_HEADERS_ONLY },
  );
  const lines = patch.trimEnd().split("\n").map(printable);
  const shown = lines.slice(0, MAX_LINES);
  return lines.length > MAX_LINES
    ? [...shown, `… ${lines.length - MAX_LINES} more line(s)`]
    : shown;
}
