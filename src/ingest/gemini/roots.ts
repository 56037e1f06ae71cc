/** Where the Gemini CLI keeps its chats. */
import { join, resolve } from "node:path";
import { refuseValue } from "../../errors.ts";

export interface GeminiRootOptions {
  /** `$GEMINI_CLI_HOME`: what stands for the user's home there. */
  readonly geminiCliHome?: string | undefined;
  /** The user's home; may be empty when `geminiCliHome` names a folder. */
  readonly home: string;
}

/** The folders to look in, absolute, whether they exist or not. */
export function geminiRoots({ geminiCliHome, home }: GeminiRootOptions): string[] {
  const base = geminiCliHome !== undefined && geminiCliHome !== "" ? geminiCliHome : home;
  if (base === "") refuseValue("home", "empty", "the user's home folder");
  return [resolve(join(base, ".gemini", "tmp"))];
}
