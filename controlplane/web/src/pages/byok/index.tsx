// placeholder until the verifier is there
export default function Byok() {
  return null;
}
