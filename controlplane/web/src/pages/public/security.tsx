// Whom to tell of a vulnerability, what was reported before, and the policy.
import { facts } from "../../core/console.ts";
import { date } from "../../core/format.ts";
import { useGet } from "../../core/resource.ts";
import { Badge, ButtonLink, Empty, Failure, PageHead } from "../../ui/controls.tsx";
import { Table, TableSkeleton, type Column } from "../../ui/table.tsx";
import { DocumentBody } from "../docs/document.tsx";
import type { Incident } from "./live.ts";

const columns: Column<Incident>[] = [
  { head: "Began", cell: (i) => date(i.started_at), width: "120px" },
  { head: "What", cell: (i) => <span title={i.title}>{i.title}</span> },
  { head: "Impact", cell: (i) => i.impact, from: "sm" },
  { head: "State", cell: (i) => <Badge tone={i.state === "resolved" ? "good" : "accent"}>{i.state}</Badge> },
  { head: "Ended", cell: (i) => (i.resolved_at ? date(i.resolved_at) : "not yet"), from: "sm" },
];

const addressOf = (contact: string): string => contact.replace(/^mailto:/, "");

function Contact() {
  const contact = facts.value?.security_contact;
  return (
    <section class="card stack" aria-label="Report a vulnerability">
      <h2>Report a vulnerability</h2>
      {contact ? <p>Write to <a href={contact}>{addressOf(contact)}</a> before you publish. Programs find the address in <a href="/.well-known/security.txt" target="_blank">security.txt</a>.</p> : <p>The operator of this installation has named no contact of its own. The policy below says how to reach the maintainers.</p>}
      <p class="soft">Say which version (this is {facts.value?.version ?? "–"}), what you did and what happened. Please do not test against an installation that is not yours: <span class="mono">make run</span> gives you a whole one.</p>
    </section>
  );
}

function Reports() {
  const list = useGet<{ data: Incident[] }>("/incidents", { limit: 50 });
  if (list.error) return <Failure error={list.error} retry={list.reload} />;
  if (!list.data) return <TableSkeleton columns={4} rows={3} />;
  if (list.data.data.length === 0) return <Empty title="Nothing has been reported" says="Incidents that the operator publishes, of security and of service, stand here and on the status page."><ButtonLink href="/status">Status</ButtonLink></Empty>;
  return <Table label="Incidents" columns={columns} rows={list.data.data} keyOf={(i) => i.id} />;
}

export default function Security() {
  return (
    <div class="stack loose">
      <PageHead title="Security" says="What this service protects, how that can be checked, and whom to tell when it does not hold." />
      <Contact />
      <section class="stack" aria-label="Incidents"><h2>Incidents</h2><Reports /></section>
      <section class="cards" aria-label="More">
        <a class="card" href="/trust"><h3>Trust</h3><p class="soft">Which code runs, by which release, in which log.</p></a>
        <a class="card" href="/docs/threat-model"><h3>Threat model</h3><p class="soft">Each claim, what keeps it, the test that attacks it, and what is not protected.</p></a>
        <a class="card" href="/verify"><h3>Verify</h3><p class="soft">Check the gateway's evidence in this browser.</p></a>
      </section>
      <DocumentBody slug="source/SECURITY" untitled />
    </div>
  );
}
