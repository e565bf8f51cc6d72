// Runs before the first paint, so that a page never flashes in the other theme.
import { kept } from "./core/storage.ts";

const theme = kept.get("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
