// Calls of tools: what the model wants to know, and a field for what the reader's tool says.
import { useState } from "preact/hooks";
import { Button, Code, TextArea } from "../../ui/controls.tsx";
import type { ToolCall } from "../../prompt/answer.ts";

const NESTED_MAX = 40; // in lines of its own, each level would be indented further than the one around it

/** Brackets in strings count, too: what has many of them is shown as it came. */
const nested = (text: string): boolean => {
  let depth = 0;
  for (const c of text) {
    if (c === "[" || c === "{") depth++;
    if (c === "]" || c === "}") depth--;
    if (depth > NESTED_MAX) return true;
  }
  return false;
};

function pretty(text: string): string {
  if (nested(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const Call = ({ call }: { call: ToolCall }) => (
  <div class="stack tight">
    <p>The model calls <strong class="mono">{call.name || "a tool without a name"}</strong></p>
    <Code text={pretty(call.arguments)} what="The arguments" />
  </div>
);

/** onGive: the model waits for the results. */
export function ToolCalls({ calls, results, onGive, blocked }: { calls: readonly ToolCall[]; results: Record<string, string>; onGive?: ((results: Record<string, string>) => void) | undefined; blocked: boolean }) {
  const [typed, setTyped] = useState<Record<string, string>>({});
  const given = (call: ToolCall) => results[call.id];
  return (
    <div class="tool-calls stack">
      {calls.map((call) => (
        <div key={call.id} class="card stack">
          <Call call={call} />
          {given(call) !== undefined && <div class="stack tight"><span class="small soft">Result</span><Code text={given(call)!} what="The result" /></div>}
          {onGive && <TextArea label={`Result of ${call.name}`} hint="What your tool answers: text or JSON. The model gets it as it is." rows={3} mono value={typed[call.id] ?? ""} onInput={(v) => setTyped({ ...typed, [call.id]: v })} />}
        </div>
      ))}
      {onGive && (
        <div class="line">
          <Button kind="primary" disabled={blocked} onClick={() => onGive(Object.fromEntries(calls.map((c) => [c.id, typed[c.id] ?? ""])))}>{calls.length === 1 ? "Send the result" : "Send the results"}</Button>
        </div>
      )}
    </div>
  );
}
