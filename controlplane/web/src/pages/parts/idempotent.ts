// An Idempotency-Key for what a form sends: sent again it is the same key, so that it happens once; changed contents are
// another request.
import { useRef } from "preact/hooks";
import { newIdempotencyKey } from "../../core/api.ts";

export function useIdempotency(): (contents: unknown) => string {
  const held = useRef({ of: "", key: "" });
  return (contents) => {
    const of = JSON.stringify(contents);
    if (held.current.key === "" || held.current.of !== of) held.current = { of, key: newIdempotencyKey() };
    return held.current.key;
  };
}
