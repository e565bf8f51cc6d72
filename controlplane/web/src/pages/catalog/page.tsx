// The operator's catalog: what is in force, its versions, drafts with their difference, publishing, provider keys.
import { here, queryOf, setQuery } from "../../core/router.ts";
import { PageHead, Tabs, type Choice } from "../../ui/controls.tsx";
import { Endpoints } from "./endpoints.tsx";
import { ProviderKeys } from "./keys.tsx";
import { Versions } from "./versions.tsx";

type Part = "endpoints" | "versions" | "keys";
const parts: Choice<Part>[] = [
  { value: "endpoints", label: "In force" },
  { value: "versions", label: "Versions and drafts" },
  { value: "keys", label: "Provider keys" },
];

export default function CatalogPage() {
  const asked = queryOf(here.value).get("part");
  const part = parts.find((p) => p.value === asked)?.value ?? "endpoints";
  return (
    <>
      <PageHead title="Catalog" says="Models, who serves them, and what they cost. A change is a new version, which every data plane gets within a second." />
      <Tabs label="Parts of the catalog" tabs={parts} value={part} onChange={(p) => setQuery({ part: p === "endpoints" ? null : p })} />
      {part === "endpoints" ? <Endpoints /> : part === "versions" ? <Versions /> : <ProviderKeys />}
    </>
  );
}
