// Icons as paths on a 16 by 16 grid, drawn with the colour of the text.
const paths = {
  shield: "M8 1.5 13 3.600v4.200c0 3.100-2 5.400-5 6.700-3-1.300-5-3.600-5-6.700V3.600z",
  home: "M2.500 7.500 8 2.500l5.500 5v6h-4v-4h-3v4h-4z",
  chat: "M2.500 3.500h11v7h-6l-3 2.500v-2.500h-2z",
  columns: "M2.500 3h3v10h-3zM6.500 3h3v10h-3zM10.500 3h3v10h-3z",
  key: "M10 2.500a3.500 3.500 0 1 1-3.300 4.700L2.500 11.500v2h2.500v-2h2v-2l1.200-1.200",
  coin: "M8 2.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11zM8 5v6M6.300 6.500h2.700a1.200 1.200 0 0 1 0 2.500H7",
  pulse: "M1.500 8h3l2-4.500 3 9 2-4.500h3",
  list: "M2.500 4h11M2.500 8h11M2.500 12h7",
  route: "M4 3.500v5a3 3 0 0 0 3 3h5M9.500 9l2.500 2.500L9.500 14M12 3.500H8",
  lock: "M4 7h8v6.500H4zM5.500 7V5a2.500 2.500 0 0 1 5 0v2",
  people: "M6 7.500a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400zM2 13c0-2.500 1.800-4 4-4s4 1.500 4 4M11 7.200a2 2 0 1 0 0-4M11.500 9c1.600.3 2.500 1.800 2.500 4",
  scroll: "M4 2.500h8v11H4zM6 5.500h4M6 8h4M6 10.500h2.500",
  server: "M2.500 3h11v4h-11zM2.500 9h11v4h-11zM5 5h.1M5 11h.1",
  book: "M3 3h4.500v10H3zM8.500 3H13v10H8.500z",
  gear: "M8 5.800a2.200 2.200 0 1 1 0 4.400 2.200 2.200 0 0 1 0-4.400zM8 1.800v2M8 12.200v2M1.800 8h2M12.200 8h2M3.600 3.600l1.400 1.400M11 11l1.400 1.400M12.400 3.600 11 5M5 11l-1.400 1.400",
  search: "M7 2.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9zM10.500 10.500l3 3",
  menu: "M2.500 4.500h11M2.500 8h11M2.500 11.500h11",
  close: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  more: "M3.500 8h.1M8 8h.1M12.500 8h.1",
  copy: "M5.500 5.500h8v8h-8zM3.500 10.500h-1v-8h8v1",
  check: "M3 8.500 6.500 12 13 4.500",
  plus: "M8 3v10M3 8h10",
  sun: "M8 5.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M12.600 3.400l-1 1M4.400 11.600l-1 1",
  contrast: "M8 2a6 6 0 1 1 0 12zM8 2a6 6 0 0 0 0 12",
  moon: "M13 9.500A5.500 5.500 0 0 1 6.500 3 5.500 5.500 0 1 0 13 9.500z",
  stop: "M4 4h8v8H4z",
  send: "M8 13V3M4 7l4-4 4 4",
  image: "M2.500 3h11v10h-11zM2.500 11l3.500-3.500 3 3L10.500 9l3 3M10.500 6h.1",
  trash: "M3 4.500h10M6 4.500V3h4v1.500M4.500 4.500l.5 9h6l.5-9",
  external: "M6.500 3.500h-4v10h10v-4M9 2.500h4.500V7M13 3 7.500 8.500",
  down: "M4 6l4 4 4-4",
  refresh: "M13 8a5 5 0 1 1-1.500-3.600M13 2.500v3h-3",
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
