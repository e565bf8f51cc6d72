// What docs/threat-model.md says is not protected: each point's name, and its text without markup.
import text from "../../../../../docs/threat-model.md";

export interface Unprotected {
  name: string;
  says: string;
}

const plain = (markdown: string): string => markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "").replace(/\s+/g, " ").trim();

export const NOT_PROTECTED: readonly Unprotected[] = text
  .slice(text.indexOf("\n## What is not protected\n"))
  .split("\n- **")
  .slice(1)
  .map((point) => {
    const end = point.indexOf("**");
    return { name: plain(point.slice(0, end)).replace(/\.$/, ""), says: plain(point).replaceAll("**", "") };
  });
