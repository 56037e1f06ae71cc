/** Where all agents keep their transcripts on a machine. */
import { refuseValue } from "../errors.ts";
import type { TranscriptSources } from "./agents.ts";
import { claudeRoots, type ClaudeRootOptions } from "./claude/roots.ts";
import { type CodexRootOptions, codexRoots } from "./codex/roots.ts";
import { type GeminiRootOptions, geminiRoots } from "./gemini/roots.ts";
import { type OpencodeRootOptions, opencodeRoots } from "./opencode/roots.ts";

/** The settings of the agents' own environments; each is left out where it is not set. */
export type TranscriptSourcesOptions = ClaudeRootOptions &
  CodexRootOptions &
  OpencodeRootOptions &
  GeminiRootOptions;

/**
 * The folders of every agent, absolute, whether they exist or not. With an empty `home`, agents whose folder is not
 * named are left out.
 * @throws {InputError} VALUE_INVALID when no agent's folder is known.
 */
export function transcriptSources(options: TranscriptSourcesOptions): TranscriptSources {
  const { home, configDir = "", codexHome = "", xdgDataHome = "", geminiCliHome = "" } = options;
  const isKnown = (named: string): boolean => home !== "" || named !== "";
  const sources: TranscriptSources = {
    ...(isKnown(configDir) ? { claude: claudeRoots(options) } : {}),
    ...(isKnown(codexHome) ? { codex: codexRoots(options) } : {}),
    ...(isKnown(xdgDataHome) ? { opencode: opencodeRoots(options) } : {}),
    ...(isKnown(geminiCliHome) ? { gemini: geminiRoots(options) } : {}),
  };
  if (Object.keys(sources).length === 0) refuseValue("home", "empty", "the user's home folder");
  return sources;
}
