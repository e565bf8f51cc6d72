// No page has this address.
import { ButtonLink, Empty } from "../ui/controls.tsx";

export default function Missing() {
  return (
    <Empty title="There is no page at this address" says="The link may be old, or a letter of the address may be wrong.">
      <ButtonLink href="/" kind="primary">Go to the start page</ButtonLink>
    </Empty>
  );
}
