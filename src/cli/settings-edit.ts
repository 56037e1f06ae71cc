/** Which entries of Claude Code's settings to add, change and remove, and the file's text with only those touched. */
import { describeKind, OperationError } from "../errors.ts";
import {
  type Handler,
  handlerFor,
  HOOK_EVENTS,
  type HookTarget,
  isOwnHandler,
  isOwnStatusLine,
} from "./hook-settings.ts";
import { type JsonPath, putValue, removeValue } from "./json-text.ts";

type Settings = Record<string, unknown>;

/** One change: a value put where the path leads, or what is there taken away. */
interface Change {
  readonly path: JsonPath;
  /** Undefined takes away. */
  readonly value: unknown;
}

export interface Install {
  readonly hooks: HookTarget;
  /** Undefined leaves the status line alone. */
  readonly statusLine?: Handler;
}

/**
 * The text with our hooks in it, each once; the same text when they are there.
 * @param file names the file in errors.
 * @throws {OperationError} SETTINGS_INVALID, or STATUS_LINE_TAKEN for another program's.
 */
export function withHooks(text: string, install: Install, file: string): string {
  return shallow(file, () => withHooksIn(text, install, file));
}

function withHooksIn(text: string, install: Install, file: string): string {
  return edited(text, file, function* (settings) {
    for (const event of Object.keys(hooksOf(settings, file)))
      if (!(HOOK_EVENTS as readonly string[]).includes(event))
        yield* removals(settings, event, file);
    if ((settings["hooks"] ?? null) === null) yield { path: ["hooks"], value: {} };
    for (const event of HOOK_EVENTS) {
      const wanted = handlerFor(event, install.hooks);
      const own = ownHandlers(settings, event, file);
      const [first, ...others] = own;
      yield* removeAll(settings, others);
      if (first !== undefined) {
        if (!Bun.deepEquals(valueAt(settings, first), wanted)) yield { path: first, value: wanted };
        continue;
      }
      const count = groupsOf(settings, event, file).length;
      const group = { hooks: [wanted] };
      if (count === 0) yield { path: ["hooks", event], value: [group] };
      else yield { path: ["hooks", event, count], value: group };
    }
    if (install.statusLine === undefined) return;
    const present = settings["statusLine"];
    if (present !== undefined && !isOwnStatusLine(present)) refuseStatusLine(file);
    if (!Bun.deepEquals(present, install.statusLine))
      yield { path: ["statusLine"], value: install.statusLine };
  });
}

/**
 * The text without our hooks and status line, and without what was there for them only.
 * @throws {OperationError} SETTINGS_INVALID.
 */
export function withoutHooks(text: string, file: string): string {
  return shallow(file, () => edited(text, file, removed));

  function* removed(settings: Settings): Generator<Change> {
    for (const event of Object.keys(hooksOf(settings, file)))
      yield* removals(settings, event, file);
    if (isOwnStatusLine(settings["statusLine"])) yield { path: ["statusLine"], value: undefined };
  }
}

/** Settings so deep that they cannot be gone through are nobody's. */
function shallow(file: string, edit: () => string): string {
  try {
    return edit();
  } catch (cause) {
    if (cause instanceof RangeError) return refuse(file, "it is nested too deeply", cause);
    throw cause;
  }
}

function* removals(settings: Settings, event: string, file: string): Generator<Change> {
  const own = ownHandlers(settings, event, file);
  if (own.length === 0) return;
  yield* removeAll(settings, own);
  if (groupsOf(settings, event, file).length > 0) return;
  yield { path: ["hooks", event], value: undefined };
  if (Object.keys(hooksOf(settings, file)).length === 0)
    yield { path: ["hooks"], value: undefined };
}

/** Handlers, and groups that had no other, from the end: so no removal moves what is still to be removed. */
function* removeAll(settings: Settings, paths: readonly JsonPath[]): Generator<Change> {
  for (const path of paths.toReversed()) {
    const handlers = path.slice(0, -1);
    const isLast = (valueAt(settings, handlers) as unknown[]).length === 1;
    yield { path: isLast ? handlers.slice(0, -1) : path, value: undefined };
  }
}

/** The paths of our handlers of an event. */
function ownHandlers(settings: Settings, event: string, file: string): JsonPath[] {
  const paths: JsonPath[] = [];
  for (const [at, group] of groupsOf(settings, event, file).entries()) {
    const handlers = (group as { hooks?: unknown } | null)?.hooks;
    if (!Array.isArray(handlers)) continue;
    for (const [index, handler] of handlers.entries())
      if (isOwnHandler(handler)) paths.push(["hooks", event, at, "hooks", index]);
  }
  return paths;
}

function hooksOf(settings: Settings, file: string): Settings {
  const hooks = settings["hooks"] ?? {};
  return isObject(hooks) ? hooks : refuse(file, `"hooks" is ${describeKind(hooks)}`);
}

function groupsOf(settings: Settings, event: string, file: string): readonly unknown[] {
  const hooks = hooksOf(settings, file);
  const groups = Object.hasOwn(hooks, event) ? hooks[event] : [];
  return Array.isArray(groups)
    ? groups
    : refuse(file, `"hooks.${event}" is ${describeKind(groups)}`);
}

/**
 * Makes changes in the text and in what it says at once, each change seeing the ones before it, and compares both at
 * the end: a text that came to say anything else is not handed out.
 */
function edited(
  text: string,
  file: string,
  changes: (settings: Settings) => Generator<Change>,
): string {
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  const body = text.slice(mark.length);
  let result = body.trim() === "" ? "{}\n" : body;
  const settings = parse(result, file);
  let isChanged = false;
  for (const { path, value } of changes(settings)) {
    isChanged = true;
    result = value === undefined ? removeValue(result, path) : putValue(result, path, value);
    change(settings, path, value);
  }
  if (!isChanged) return text;
  if (!Bun.deepEquals(parse(result, file), settings))
    refuse(file, "a name stands in it twice, so that an edit would change something else");
  return mark + result;
}

function parse(text: string, file: string): Settings {
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (cause) {
    return refuse(file, "it is not JSON", cause);
  }
  return isObject(settings) ? settings : refuse(file, `it is ${describeKind(settings)}`);
}

function change(settings: Settings, path: JsonPath, value: unknown): void {
  const name = path.at(-1) as string | number;
  const holder = valueAt(settings, path.slice(0, -1));
  if (Array.isArray(holder)) {
    if (value === undefined) holder.splice(name as number, 1);
    else holder[name as number] = structuredClone(value);
  } else if (value === undefined) delete (holder as Settings)[name];
  else (holder as Settings)[name] = structuredClone(value);
}

function valueAt(settings: Settings, path: JsonPath): unknown {
  return path.reduce<unknown>((value, name) => (value as Settings)[name], settings);
}

function isObject(value: unknown): value is Settings {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(file: string, observed: string, cause?: unknown): never {
  throw new OperationError(
    "SETTINGS_INVALID",
    `Cannot edit ${file}: ${observed}, expected the JSON of Claude Code's settings`,
    { details: { path: file, observed }, ...(cause === undefined ? {} : { cause }) },
  );
}

function refuseStatusLine(file: string): never {
  throw new OperationError(
    "STATUS_LINE_TAKEN",
    `Cannot put a status line into ${file}: another program's is there, expected none`,
    { details: { path: file } },
  );
}
