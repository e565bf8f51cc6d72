/** Pages of the documentation, as the bundler puts them into the program: text. */
declare module "*.md" {
  const text: string;
  export default text;
}
