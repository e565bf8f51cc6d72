// A new key: its text, this once, and a first request with it.
import { useState } from "preact/hooks";
import { baseUrl } from "../../core/console.ts";
import { exactTime } from "../../core/format.ts";
import { Code, Tabs } from "../../ui/controls.tsx";
import { Fresh, Once } from "../parts/once.tsx";
import { usePlane, type PlaneModel } from "../parts/plane.ts";
import type { MadeKey } from "./key.ts";
import { exampleModel, languages, snippet, type Language } from "./snippets.ts";

export function MadePanel({ made, onClose }: { made: MadeKey; onClose: () => void }) {
  const old = made.data.previous_key_expires_at;
  return (
    <Fresh title={`The key “${made.data.name}”`} says="Copy the key now and keep it in a safe place: it is shown this once, and nobody can show it again." onClose={onClose} done="I have copied the key">
      <Once text={made.key} what="The key" />
      {old && <p class="soft">The former text of this key works until {exactTime(old)}.</p>}
      {made.data.role === "inference" ? <FirstRequest made={made} /> : <Code text={snippet("management", baseUrl(), made.key, "")} what="The command" />}
    </Fresh>
  );
}

function FirstRequest({ made }: { made: MadeKey }) {
  const [language, setLanguage] = useState<Language>("curl");
  const models = usePlane<{ data: PlaneModel[] }>("/models");
  const model = exampleModel(models.data?.data.map((m) => m.id) ?? [], made.data.allowed_models);
  return (
    <div class="stack tight">
      <Tabs label="Language of the example" tabs={languages} value={language} onChange={setLanguage} />
      <Code text={snippet(language, baseUrl(), made.key, model)} what="The example" />
    </div>
  );
}
