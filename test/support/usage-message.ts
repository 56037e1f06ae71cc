/** Messages to record. */
import type { NewUsageMessage } from "../../src/index.ts";
import { NOON } from "./usage-db.ts";

/** A message of Claude Code at noon; `change` says what is different about it. */
export const message = (change: Partial<NewUsageMessage> = {}): NewUsageMessage => ({
  agent: "claude",
  message_id: "msg_1",
  request_id: "req_1",
  session_id: "s1",
  project: "/p",
  model: "opus",
  timestamp: NOON,
  is_sidechain: 0,
  input_tokens: 10,
  output_tokens: 5,
  cache_write_5m_tokens: 1,
  cache_write_1h_tokens: 2,
  cache_read_tokens: 3,
  reported_cost_usd: null,
  source_id: null,
  source_offset: null,
  ...change,
});
