// The user, how they sign in, and what holds for the organisation.
import { date } from "../../core/format.ts";
import { may, session } from "../../core/session.ts";
import { setTheme, theme, type Theme } from "../../core/theme.ts";
import { CopyButton, PageHead } from "../../ui/controls.tsx";
import { Facts, Section } from "../parts/parts.tsx";
import { Identities } from "./identities.tsx";
import { CloseOrganisation, Retention } from "./organisation.tsx";
import { RecoveryCodes } from "./recovery_codes.tsx";
import { Password, Sessions } from "./sessions.tsx";

const themes: readonly { value: Theme; label: string }[] = [
  { value: "system", label: "As the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

function Profile() {
  const user = session.value?.user;
  if (!user) return null;
  return (
    <Section title="You">
      <div class="card">
        <Facts rows={[
          ["Name", user.name ?? <span class="faint">none</span>],
          ["E-mail address", user.email],
          ["Since", date(user.created_at)],
          ["Id", <span class="line"><code>{user.id}</code><CopyButton text={user.id} what="Your id" /></span>],
        ]} />
      </div>
    </Section>
  );
}

function Colours() {
  return (
    <Section title="Colours">
      <fieldset class="chips-set">
        <legend class="hidden-text">Colours</legend>
        <div class="chips">{themes.map((t) => (
          <label key={t.value} class="choice"><input type="radio" name="theme" checked={theme.value === t.value} onChange={() => setTheme(t.value)} /><span>{t.label}</span></label>
        ))}</div>
      </fieldset>
    </Section>
  );
}

export default function Settings() {
  return (
    <>
      <PageHead title="Settings" />
      <Profile />
      <Identities />
      <Password />
      <RecoveryCodes />
      <Sessions />
      <Colours />
      {may("usage.read") && <Retention />}
      {may("organisation.close") && <CloseOrganisation />}
    </>
  );
}
