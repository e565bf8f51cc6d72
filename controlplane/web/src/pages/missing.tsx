// No page has this address.
import { ButtonLink, PageHead } from "../ui/controls.tsx";

export default function Missing() {
  return (
    <>
      <PageHead title="There is no page at this address" says="The link may be old, or a letter of the address may be wrong." />
      <ButtonLink href="/" kind="primary">Go to the start page</ButtonLink>
    </>
  );
}
