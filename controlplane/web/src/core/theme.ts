// Light, dark, or as the system is. theme.ts beside main.tsx applies the kept choice before the first paint.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const kept = localStorage.getItem("theme");
export const theme = signal<Theme>(kept === "light" || kept === "dark" ? kept : "system");

export function setTheme(to: Theme): void {
  theme.value = to;
  if (to === "system") {
    localStorage.removeItem("theme");
    delete document.documentElement.dataset["theme"];
  } else {
    localStorage.setItem("theme", to);
    document.documentElement.dataset["theme"] = to;
  }
}

export const isDark = (): boolean =>
  theme.value === "dark" || (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
