// Figures and failures of one answer, for the playground and for comparing.
import type { ComponentChildren } from "preact";
import { count, ms, usd } from "../../core/format.ts";
import { Button } from "../../ui/controls.tsx";
import type { Answer, Trouble } from "../../prompt/answer.ts";

/** "1.2 s to first token · 3.4 s · 20 + 310 tokens · $0.0012 · Demo A": what is known of it. */
export function Figures({ answer }: { answer: Answer }) {
  const u = answer.usage;
  const parts = [
    answer.firstMs === null ? null : `${ms(answer.firstMs)} to first token`,
    answer.totalMs === null ? null : `${ms(answer.totalMs)} in all`,
    u ? `${count(u.promptTokens)} tokens in, ${count(u.completionTokens)} out` : null,
    u?.reasoningTokens ? `${count(u.reasoningTokens)} of them thinking` : null,
    u?.cost != null ? usd(u.cost) : null,
    answer.provider,
  ];
  return <p class="answer-figures faint small">{parts.filter(Boolean).join(" · ")}</p>;
}

const finishWords: Record<string, string> = {
  length: "The answer reached the limit of tokens. Raise “max tokens”, or ask the model to go on.",
  content_filter: "The provider ended the answer for reasons of its content policy.",
};

export function Finish({ answer }: { answer: Answer }) {
  const words = answer.stopped ? "You stopped this answer. What was written until then is charged." : finishWords[answer.finish ?? ""];
  return words ? <p class="note warn small">{words}</p> : null;
}

interface Advice {
  says: ComponentChildren;
  link?: { href: string; label: string };
}

function adviceOf(t: Trouble): Advice {
  if (t.code === "not_verified") return { says: "Nothing was sent. Open the shield above to see which check failed." };
  if (t.status === 401 || t.status === 403) return { says: "Check the API key: it may have been disabled, or may not be allowed to use this model.", link: { href: "/app/keys", label: "See your keys" } };
  if (t.status === 402) return { says: "Add credit, raise the limit of the key, or ask for fewer tokens.", link: { href: "/app/credits", label: "Add credit" } };
  if (t.status === 429) return { says: t.retryAfterS === null ? "Wait a moment, then try again." : `Try again in ${t.retryAfterS} s.` };
  if (t.status === 404) return { says: "Choose another model." };
  if ([400, 413, 422].includes(t.status)) return { says: "Change the question or the parameters, then try again." };
  if (t.status >= 500) return { says: "Try again, or choose another model or provider." };
  return { says: "Try again." };
}

export function TroubleNote({ trouble, retry, blocked = false }: { trouble: Trouble; retry?: (() => void) | undefined; blocked?: boolean }) {
  const advice = adviceOf(trouble);
  return (
    <div class="failure" role="alert">
      <div>
        <p>{trouble.message}</p>
        <p>{advice.says}</p>
        <p class="code">{trouble.code}{trouble.status > 0 ? ` · status ${trouble.status}` : ""}</p>
      </div>
      <div class="line">
        {advice.link && <a class="button small" href={advice.link.href}>{advice.link.label}</a>}
        {retry && <Button small icon="refresh" disabled={blocked} onClick={retry}>Try again</Button>}
      </div>
    </div>
  );
}
