// A first request to a model, ready to paste.
import { useState } from "preact/hooks";
import { baseUrl } from "../../core/console.ts";
import { session } from "../../core/session.ts";
import { ButtonLink, Code, Switch, Tabs } from "../../ui/controls.tsx";
import { apiKey } from "../../prompt/key.ts";
import { isChat, type Model } from "../../prompt/models.ts";
import { languages, snippet, type Language } from "../keys/snippets.ts";

const PLACEHOLDER = "YOUR_API_KEY";

export function TryIt({ model }: { model: Model }) {
  const [language, setLanguage] = useState<Language>("curl");
  const [withKey, setWithKey] = useState(false);
  const signedIn = session.value != null;
  const hasKey = signedIn && apiKey.value !== "";
  const chat = isChat(model);
  return (
    <section class="stack" aria-label="Try it">
      <div class="line apart">
        <h2>Try it</h2>
        {chat && <ButtonLink kind="primary" href={`/app/chat?model=${encodeURIComponent(model.id)}`}>Open in the playground</ButtonLink>}
      </div>
      <div class="stack tight"><span class="small soft">Base URL</span><Code text={baseUrl()} what="The base URL" /></div>
      {chat ? (
        <>
          <Tabs label="Language" tabs={languages} value={language as (typeof languages)[number]["value"]} onChange={setLanguage} />
          <Code text={snippet(language, baseUrl(), hasKey && withKey ? apiKey.value : PLACEHOLDER, model.id)} what="The example" />
          {hasKey ? <Switch label="Fill in this tab's key" on={withKey} onChange={setWithKey} /> : <p class="small soft">Put one of your API keys in the place of {PLACEHOLDER}. {signedIn ? <a href="/app/keys">Make one</a> : <a href="/login?return_to=%2Fapp%2Fkeys">Sign in to make one</a>}.</p>}
        </>
      ) : <p class="soft">This model is not for chat: <a href="/docs">the documentation</a> has the calls of its kind.</p>}
    </section>
  );
}
