// The user, how they sign in, and what holds for the organisation.
import { useGet } from "../../core/resource.ts";
import { here, queryOf } from "../../core/router.ts";
import { may } from "../../core/session.ts";
import { setTheme, theme, type Theme } from "../../core/theme.ts";
import { PageHead } from "../../ui/controls.tsx";
import { Section } from "../parts/parts.tsx";
import { Notice } from "../sign/parts.tsx";
import { Identities, type Identity } from "./identities.tsx";
import { CloseOrganisation, Retention } from "./organisation.tsx";
import { Profile } from "./profile.tsx";
import { RecentKeys } from "./recent_keys.tsx";
import { RecoveryCodes } from "./recovery_codes.tsx";
import { Password, Sessions } from "./sessions.tsx";

const themes: readonly { value: Theme; label: string }[] = [
  { value: "system", label: "As the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

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
  const identities = useGet<{ data: Identity[] }>("/auth/identities");
  const recovered = queryOf(here.value).get("recovered") === "true";
  return (
    <>
      <PageHead title="Settings" />
      {recovered && (
        <>
          <Notice tone="plain">Your account is recovered, and all sessions of before have ended. A person who had your session or password may have left more: look through the keys and the ways to sign in.</Notice>
          <RecentKeys />
        </>
      )}
      <Profile />
      <Identities list={identities} />
      <Password list={identities} />
      <RecoveryCodes />
      <Sessions />
      {!recovered && <RecentKeys />}
      <Colours />
      {may("usage.read") && <Retention />}
      {may("organisation.close") && <CloseOrganisation />}
    </>
  );
}
