/** Which usage a report is about: of an agent, a project, a model. */
import { refuseValue } from "../errors.ts";
import { checkNonEmpty } from "../store/checks.ts";

/** Several names of one kind stand for any of them; several kinds for all of them. */
export interface UsageFilter {
  /** An agent's name. */
  readonly agent?: string | readonly string[];
  /** A project's path, or how it ends: `app` and `dev/app` mean `/home/dev/app`. */
  readonly project?: string | readonly string[];
  /** A model's name, with or without `claude-` and the date: `opus-4-6`. */
  readonly model?: string | readonly string[];
}

export const FILTER_OPTIONS = ["agent", "project", "model"] as const;

/** What has to be known of usage to tell whether it is meant. */
export interface Attributed {
  readonly agent: string | null;
  readonly project: string | null;
  readonly model: string;
}

/** A test for usage; everything passes an empty filter. @throws {InputError} VALUE_INVALID. */
export function filterOf(options: UsageFilter): (usage: Attributed) => boolean {
  const agents = namesOf("agent", options.agent);
  const projects = namesOf("project", options.project)?.map(withoutSlash);
  const models = namesOf("model", options.model);
  return ({ agent, project, model }) =>
    (agents?.includes(agent ?? "") ?? true) &&
    (projects?.some((name) => isProject(project ?? "", name)) ?? true) &&
    (models?.some((name) => name === model || name === plainModel(model)) ?? true);
}

function namesOf(
  field: keyof UsageFilter,
  value: string | readonly string[] | undefined,
): readonly string[] | null {
  if (value === undefined) return null;
  const names = Array.isArray(value) ? value : [value];
  if (names.length === 0) return refuseValue(field, "an empty list", "a name, or several");
  return names.map((name: unknown) => checkNonEmpty(field, name));
}

const withoutSlash = (path: string): string => path.replace(/(?<=.)[/\\]+$/, "");

function isProject(path: string, name: string): boolean {
  const plain = withoutSlash(path);
  return plain === name || plain.endsWith(`/${name}`) || plain.endsWith(`\\${name}`);
}

/** `claude-sonnet-4-5-20250929` without the maker and the date. */
export function plainModel(model: string): string {
  return model.replace(/^claude-/, "").replace(/-\d{8}$/, "");
}
