// The separate verifier: a static page that can be hosted anywhere, or opened from a disk. It needs nothing but the evidence.
import { render } from "preact";
import { Verifier } from "../src/pages/verify/verifier.tsx";

function Page() {
  return (
    <main class="alone">
      <header class="stack tight">
        <h1>Verifier</h1>
        <p class="soft">
          Is the program at an address, in a recorded answer or behind a receipt the one that was measured, released and logged? Every check is
          made in this page, with the codes of <code>tr-verify</code>. Nothing is sent anywhere but the question to the address that you give,
          and nothing is kept.
        </p>
        <p class="soft">Whoever hosts this page chooses its code. Compare its files with the <code>SHA256SUMS</code> of a build of your own (<code>make web</code>).</p>
      </header>
      <Verifier />
    </main>
  );
}

render(<Page />, document.body);
