/** Files that the bundler puts into the program: bytes and text. */
declare module "*.der" {
  const bytes: Uint8Array;
  export default bytes;
}
declare module "*.conf" {
  const text: string;
  export default text;
}
