// Light, dark, or as the system is. theme.ts beside main.tsx applies the kept choice before the first paint.
import { computed, signal } from "@preact/signals";
import { kept } from "./storage.ts";

export type Theme = "system" | "light" | "dark";
const before = kept.get("theme");
export const theme = signal<Theme>(before === "light" || before === "dark" ? before : "system");

export function setTheme(to: Theme): void {
  theme.value = to;
  if (to === "system") {
    kept.remove("theme");
    delete document.documentElement.dataset["theme"];
  } else {
    kept.set("theme", to);
    document.documentElement.dataset["theme"] = to;
  }
}

const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", () => {
  systemIsDark.value = system.matches;
});
/** For what is drawn and not styled. */
export const isDark = computed(() => theme.value === "dark" || (theme.value === "system" && systemIsDark.value));
