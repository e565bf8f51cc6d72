// The data plane does not answer this browser: mostly, in development, because it does not trust the certificate.
import { Button } from "../../ui/controls.tsx";

export function Unreached({ origin, retry }: { origin: string; retry: () => void }) {
  return (
    <div class="failure" role="alert">
      <div>
        <p>The data plane at <span class="mono">{origin}</span> does not answer this browser. Nothing was sent.</p>
        <p>If its certificate is of a development stack: <a href={`${origin}/health`} target="_blank" rel="noopener noreferrer">open {origin} in a new tab</a> and accept its certificate, then come back. Otherwise look at your network connection and at the <a href="/status">status page</a>.</p>
      </div>
      <Button small icon="refresh" onClick={retry}>Try again</Button>
    </div>
  );
}
