// The organisation: its members and their roles, invitations, workspaces.
import { session, may } from "../../core/session.ts";
import { Badge, PageHead } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Section } from "../parts/parts.tsx";
import { Leave, People } from "./people.tsx";
import { abilities, roleMay, roles, roleSays } from "./roles.ts";
import { OrganisationCard, Workspaces } from "./workspaces.tsx";

function Roles() {
  return (
    <Section title="What each role may do" says="A member has one role in the organisation, which holds in all of its workspaces.">
      <div class="table-frame" tabIndex={0} role="region" aria-label="What each role may do">
        <table class="data roles">
          <thead><tr><th scope="col">Permission</th>{roles.map((r) => <th key={r} scope="col" title={roleSays[r]}>{r}</th>)}</tr></thead>
          <tbody>
            {abilities.map((a) => (
              <tr key={a.needs}>
                <th scope="row">{a.says}</th>
                {roles.map((r) => <td key={r}>{roleMay(r, a.needs) ? <><Icon name="check" /><span class="hidden-text">yes</span></> : <span class="faint" aria-label="no">–</span>}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

export default function Members() {
  const role = session.value?.workspaces.find((w) => w.id === session.value?.workspace_id)?.role;
  return (
    <>
      <PageHead title="Members" says={<>Your role in this organisation is <Badge tone="accent">{role ?? "none"}</Badge></>} />
      {may("members.read") ? <People /> : <div class="line apart card"><p class="soft">Your role does not list the members.</p><Leave /></div>}
      <Roles />
      <Workspaces />
      <OrganisationCard />
    </>
  );
}
