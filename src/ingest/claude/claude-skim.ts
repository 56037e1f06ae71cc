/**
 * Reads a line of Claude Code out of its bytes: most of a line is text that nobody asks for. What it says is what
 * `readClaudeLine` says of the parsed line; a line with anything unusual where it matters is left to the parser.
 */
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from "../../store/checks.ts";
import type { LineRecord } from "../ingester.ts";
import { ObjectWalk, skipBlanks, skipValue, UNCLEAR } from "../json-skim.ts";
import { isoTimeOf } from "./iso-time.ts";
import { LastText, PlainCount, PlainText } from "./plain-values.ts";

const OTHER: LineRecord = { kind: "other" };
const SYNTHETIC_MODEL = "<synthetic>";
const OPEN_BRACE = 123;
const TRUE_INITIAL = 116;

class SplitWalk extends ObjectWalk {
  readonly write5m = new PlainCount();
  readonly write1h = new PlainCount();

  clear(): void {
    this.write5m.clear();
    this.write1h.clear();
  }

  protected override member(key: number, keyEnd: number, value: number): number {
    if (this.isKey(key, keyEnd, FIVE_MINUTES))
      return this.write5m.take(this.bytes, value, this.end);
    if (this.isKey(key, keyEnd, ONE_HOUR)) return this.write1h.take(this.bytes, value, this.end);
    return skipValue(this.bytes, value, this.end);
  }
}

class UsageWalk extends ObjectWalk {
  readonly input = new PlainCount();
  readonly output = new PlainCount();
  readonly cacheRead = new PlainCount();
  readonly cacheWrite = new PlainCount();
  readonly split = new SplitWalk();
  #hasSplit = false;

  clear(): void {
    this.input.clear();
    this.output.clear();
    this.cacheRead.clear();
    this.cacheWrite.clear();
    this.split.clear();
    this.#hasSplit = false;
  }

  protected override member(key: number, keyEnd: number, value: number): number {
    const { bytes, end } = this;
    if (this.isKey(key, keyEnd, INPUT)) return this.input.take(bytes, value, end);
    if (this.isKey(key, keyEnd, OUTPUT)) return this.output.take(bytes, value, end);
    if (this.isKey(key, keyEnd, CACHE_READ)) return this.cacheRead.take(bytes, value, end);
    if (this.isKey(key, keyEnd, CACHE_WRITE)) return this.cacheWrite.take(bytes, value, end);
    if (!this.isKey(key, keyEnd, CACHE_SPLIT)) return skipValue(bytes, value, end);
    if (this.#hasSplit || bytes[value] !== OPEN_BRACE) return UNCLEAR;
    this.#hasSplit = true;
    return this.split.walk(bytes, value, end);
  }
}

class MessageWalk extends ObjectWalk {
  readonly id = new PlainText();
  readonly model = new PlainText();
  readonly usage = new UsageWalk();
  hasUsage = false;

  clear(): void {
    this.id.clear();
    this.model.clear();
    this.usage.clear();
    this.hasUsage = false;
  }

  protected override member(key: number, keyEnd: number, value: number): number {
    const { bytes, end } = this;
    if (this.isKey(key, keyEnd, ID)) return this.id.take(bytes, value, end);
    if (this.isKey(key, keyEnd, MODEL)) return this.model.take(bytes, value, end);
    if (!this.isKey(key, keyEnd, USAGE)) return skipValue(bytes, value, end);
    if (this.hasUsage || bytes[value] !== OPEN_BRACE) return UNCLEAR;
    this.hasUsage = true;
    return this.usage.walk(bytes, value, end);
  }
}

class LineWalk extends ObjectWalk {
  readonly type = new PlainText();
  readonly timestamp = new PlainText();
  readonly session = new PlainText();
  readonly cwd = new PlainText();
  readonly request = new PlainText();
  readonly message = new MessageWalk();
  isSidechain = false;
  hasMessage = false;
  #hasSidechain = false;

  clear(): void {
    this.type.clear();
    this.timestamp.clear();
    this.session.clear();
    this.cwd.clear();
    this.request.clear();
    this.message.clear();
    this.isSidechain = false;
    this.hasMessage = false;
    this.#hasSidechain = false;
  }

  protected override member(key: number, keyEnd: number, value: number): number {
    const { bytes, end } = this;
    switch (keyEnd - key) {
      case 3:
        if (this.isKey(key, keyEnd, CWD)) return this.cwd.take(bytes, value, end);
        break;
      case 4:
        if (this.isKey(key, keyEnd, TYPE)) return this.type.take(bytes, value, end);
        break;
      case 7:
        // What an agent reported itself is rare, and a number of any form.
        if (this.isKey(key, keyEnd, COST)) return UNCLEAR;
        if (!this.isKey(key, keyEnd, MESSAGE)) break;
        if (this.hasMessage || bytes[value] !== OPEN_BRACE) return UNCLEAR;
        this.hasMessage = true;
        return this.message.walk(bytes, value, end);
      case 9:
        if (this.isKey(key, keyEnd, TIMESTAMP)) return this.timestamp.take(bytes, value, end);
        if (this.isKey(key, keyEnd, SESSION)) return this.session.take(bytes, value, end);
        if (this.isKey(key, keyEnd, REQUEST)) return this.request.take(bytes, value, end);
        break;
      case 11:
        if (!this.isKey(key, keyEnd, SIDECHAIN)) break;
        if (this.#hasSidechain) return UNCLEAR;
        this.#hasSidechain = true;
        // The only value that begins so is true.
        this.isSidechain = bytes[value] === TRUE_INITIAL;
        break;
      default:
    }
    return skipValue(bytes, value, end);
  }
}

const bytesOf = (name: string): Uint8Array => new TextEncoder().encode(name);
const CWD = bytesOf("cwd");
const TYPE = bytesOf("type");
const COST = bytesOf("costUSD");
const MESSAGE = bytesOf("message");
const TIMESTAMP = bytesOf("timestamp");
const SESSION = bytesOf("sessionId");
const REQUEST = bytesOf("requestId");
const SIDECHAIN = bytesOf("isSidechain");
const ID = bytesOf("id");
const MODEL = bytesOf("model");
const USAGE = bytesOf("usage");
const INPUT = bytesOf("input_tokens");
const OUTPUT = bytesOf("output_tokens");
const CACHE_READ = bytesOf("cache_read_input_tokens");
const CACHE_WRITE = bytesOf("cache_creation_input_tokens");
const CACHE_SPLIT = bytesOf("cache_creation");
const FIVE_MINUTES = bytesOf("ephemeral_5m_input_tokens");
const ONE_HOUR = bytesOf("ephemeral_1h_input_tokens");

/** Skims the lines of one file. */
export class ClaudeSkim {
  readonly #line = new LineWalk();
  readonly #type = new LastText();
  readonly #session = new LastText();
  readonly #cwd = new LastText();
  readonly #request = new LastText();
  readonly #id = new LastText();
  readonly #model = new LastText();

  /** What a line says; undefined when that takes a parser. */
  read(bytes: Buffer): LineRecord | undefined {
    const line = this.#line;
    line.clear();
    const start = skipBlanks(bytes, 0, bytes.length);
    if (bytes[start] !== OPEN_BRACE) return undefined;
    const after = line.walk(bytes, start, bytes.length);
    if (after === UNCLEAR || skipBlanks(bytes, after, bytes.length) !== bytes.length)
      return undefined;
    if (!line.type.isThere) return undefined;
    if (this.#type.of(bytes, line.type) !== "assistant") return OTHER;
    if (!line.hasMessage || !line.message.hasUsage) return OTHER;
    return this.#usageOf(bytes, line);
  }

  #usageOf(bytes: Buffer, line: LineWalk): LineRecord | undefined {
    const { message } = line;
    const { id, model, usage } = message;
    const { session, cwd, timestamp, request } = line;
    if (!(id.isThere && model.isThere && session.isThere && cwd.isThere)) return undefined;
    const at = isoTimeOf(bytes, timestamp.start, timestamp.end);
    if (!(at >= MIN_TIMESTAMP_MS && at <= MAX_TIMESTAMP_MS)) return undefined;
    const modelName = this.#model.of(bytes, model);
    if (modelName === SYNTHETIC_MODEL) return undefined;
    const { write5m, write1h } = usage.split;
    const { cacheWrite } = usage;
    const writeTokens = cacheWrite.isThere ? cacheWrite.value : write5m.value + write1h.value;
    const write1hTokens = Math.min(write1h.value, writeTokens);
    return {
      kind: "message",
      messageId: this.#id.of(bytes, id),
      requestId: request.isThere ? this.#request.of(bytes, request) : "",
      sessionId: this.#session.of(bytes, session),
      project: this.#cwd.of(bytes, cwd),
      model: modelName,
      timestamp: at,
      isSidechain: line.isSidechain,
      inputTokens: usage.input.value,
      outputTokens: usage.output.value,
      cacheWrite5mTokens: writeTokens - write1hTokens,
      cacheWrite1hTokens: write1hTokens,
      cacheReadTokens: usage.cacheRead.value,
      reportedCostUsd: null,
    };
  }
}
