// What the browser keeps for the pages. One that keeps nothing (storage blocked or full) forgets choices when the page is closed.

interface Place {
  get(name: string): string | null;
  set(name: string, value: string): void;
  remove(name: string): void;
}

function placeIn(storage: () => Storage): Place {
  const unkept = new Map<string, string>(); // what the storage did not take
  return {
    get(name) {
      try {
        return unkept.get(name) ?? storage().getItem(name);
      } catch {
        return null;
      }
    },
    set(name, value) {
      unkept.delete(name);
      try {
        storage().setItem(name, value);
      } catch {
        unkept.set(name, value);
      }
    },
    remove(name) {
      unkept.delete(name);
      try {
        storage().removeItem(name);
      } catch {
        // there was nothing in it
      }
    },
  };
}

/** For all tabs, until the reader clears it. */
export const kept = placeIn(() => localStorage);
/** For this tab, until it is closed. */
export const keptInTab = placeIn(() => sessionStorage);
