// The list of requests, fetched as far as it is looked at. A page of the API can have fewer rows than were asked for, or none,
// while there are more behind it: then the next one is fetched, so many times at once.
import { useEffect, useRef, useState } from "preact/hooks";
import { useList, type Pages } from "../../core/resource.ts";
import type { UsageRecord } from "../usage/record.ts";

const PAGE = 200;
const TRIES = 10; // pages that bring too little before somebody is asked: half a million records

export interface Records extends Pages<UsageRecord> {
  searching: boolean;
  further: () => void; // after so many pages that brought too little
}

export function useRecords(query: Record<string, string | null>): Records {
  const list = useList<UsageRecord>("/generations", query, PAGE);
  const key = JSON.stringify(query);
  const [want, setWant] = useState(PAGE / 2);
  const tries = useRef(0);
  useEffect(() => {
    setWant(PAGE / 2);
    tries.current = 0;
  }, [key]);
  const short = list.state === "ready" && list.more && list.rows.length < want;
  const searching = short && tries.current < TRIES;
  useEffect(() => {
    if (!short) tries.current = 0;
    if (!searching) return;
    tries.current++;
    list.next();
  }, [list.rows, want]);
  const next = () => setWant(Math.max(want, list.rows.length + PAGE / 2));
  const further = () => {
    tries.current = 0;
    setWant((n) => n + 1);
  };
  return { ...list, searching, next, further };
}
