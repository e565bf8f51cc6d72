// The documents that the build has bundled: their list, one document, and the index for searching.
import { ApiError } from "../../core/api.ts";
import { useLoad, type Resource } from "../../core/resource.ts";

declare const DOCS_LIST: string; // its path, from build.mjs

export interface Attributes {
  id?: string;
  href?: string;
  lang?: string;
  start?: number;
}
export type Node = string | [tag: string, attributes: Attributes, children: Node[]];

export interface Entry {
  slug: string;
  title: string;
  group: string;
  file: string; // in the repository
  at: string;
}
export interface DocumentText {
  slug: string;
  file: string;
  title: string;
  headings: { id: string; text: string; depth: number }[];
  nodes: Node[];
}
export interface Section {
  id: string; // of its heading; empty: the document's beginning
  heading: string;
  text: string;
}
export interface Indexed {
  slug: string;
  sections: Section[];
}
interface List {
  documents: Entry[];
  search: string;
}

// Their names change with their contents, so that what was fetched once stays right.
const fetched = new Map<string, Promise<unknown>>();

function asset<T>(path: string): Promise<T> {
  const had = fetched.get(path) as Promise<T> | undefined;
  if (had) return had;
  const getting = fetch(path, { credentials: "same-origin" }).then(
    (answer) => {
      if (!answer.ok) throw new ApiError(answer.status, "not_found", "This document cannot be read now. Load the page again: another version may have been installed.");
      return answer.json() as Promise<T>;
    },
    () => {
      throw new ApiError(0, "unreachable", "The server cannot be reached. Look at your network connection, then try again.");
    },
  );
  getting.catch(() => fetched.delete(path));
  fetched.set(path, getting);
  return getting;
}

const list = (): Promise<List> => asset<List>(DOCS_LIST);

export const useDocuments = (): Resource<Entry[]> => useLoad<Entry[]>(async () => (await list()).documents, []);

export function useDocument(slug: string): Resource<DocumentText> {
  return useLoad<DocumentText>(async () => {
    const entry = (await list()).documents.find((d) => d.slug === slug);
    if (!entry) throw new ApiError(404, "not_found", "There is no document at this address.");
    return asset<DocumentText>(entry.at);
  }, [slug]);
}

export const searchIndex = async (): Promise<Indexed[]> => asset<Indexed[]>((await list()).search);
