// An orchestration while it runs: who of the panel answers, the judge, the final; and what each said, took and cost.
import { count, ms, usd } from "../../core/format.ts";
import { Badge } from "../../ui/controls.tsx";
import { Markdown } from "../../ui/markdown.tsx";
import type { Step } from "../../prompt/answer.ts";

const roles = [["panel", "Panel"], ["judge", "Judge"], ["final", "Final"]] as const;

function stateOf(step: Step): { word: string; tone: "plain" | "good" | "warn" | "bad" | "accent" } {
  if (step.state === "running") return { word: step.text === "" ? "working" : "writing", tone: "accent" };
  if (step.state === "failed") return { word: "failed", tone: "bad" };
  return step.refused ? { word: "refused", tone: "warn" } : { word: "done", tone: "good" };
}

function StepHead({ step }: { step: Step }) {
  const state = stateOf(step);
  const figures = [step.elapsedMs === null ? null : ms(step.elapsedMs), step.tokens === null ? null : `${count(step.tokens)} tokens`, step.cost === null ? null : usd(step.cost)];
  return (
    <>
      <span class="mono small clip">{step.model}</span>
      <Badge tone={state.tone}>{state.word}</Badge>
      <span class="faint small">{figures.filter(Boolean).join(" · ")}</span>
    </>
  );
}

function StepBox({ step }: { step: Step }) {
  if (step.text === "" && step.error === null) return <div class="synth-step line"><StepHead step={step} /></div>;
  return (
    <details class="synth-step">
      <summary class="line"><StepHead step={step} /></summary>
      {step.error !== null && <p class="bad small">{step.error}</p>}
      {step.text !== "" && <Markdown text={step.text} />}
    </details>
  );
}

export function Steps({ steps }: { steps: readonly Step[] }) {
  return (
    <div class="synth-steps" role="group" aria-label="How this answer is made">
      {roles.map(([role, name]) => {
        const of = steps.filter((s) => s.role === role);
        return of.length === 0 ? null : (
          <section key={role}><h3 class="small soft">{name}</h3>{of.map((s) => <StepBox key={s.index} step={s} />)}</section>
        );
      })}
    </div>
  );
}
