// The roles of members, as controlplane/api/roles.c has them: what each may do, in words and as permissions.
import { may } from "../../core/session.ts";

export type Role = "owner" | "admin" | "developer" | "billing" | "viewer";
export const roles: readonly Role[] = ["owner", "admin", "developer", "billing", "viewer"];

const reads = ["self", "keys.read", "byok.read", "credits.read", "usage.read", "workspaces.read"];
const admin = [...reads, "keys.write", "byok.write", "credits.write", "audit.read", "members.read", "members.write", "workspaces.write"];
const permissions: Record<Role, readonly string[]> = {
  owner: [...admin, "organisation.close"],
  admin,
  developer: [...reads, "keys.write", "byok.write"],
  billing: ["self", "credits.read", "credits.write", "usage.read", "workspaces.read"],
  viewer: [...reads, "members.read", "audit.read"],
};

export const roleSays: Record<Role, string> = {
  owner: "Everything, closing the organisation included",
  admin: "Everything but closing the organisation",
  developer: "Makes and changes keys; sees usage and credits",
  billing: "Buys credit; sees usage. No keys",
  viewer: "Sees everything, changes nothing",
};

/** What the console can say that a role may do; each needs one permission. */
export const abilities: readonly { says: string; needs: string }[] = [
  { says: "See usage and credits", needs: "usage.read" },
  { says: "See keys and provider keys", needs: "keys.read" },
  { says: "Make and change keys and provider keys", needs: "keys.write" },
  { says: "Buy and move credit", needs: "credits.write" },
  { says: "See members", needs: "members.read" },
  { says: "Invite and change members", needs: "members.write" },
  { says: "Make and change workspaces, set retention", needs: "workspaces.write" },
  { says: "See the audit trail", needs: "audit.read" },
  { says: "Close the organisation", needs: "organisation.close" },
];

export const roleMay = (role: Role, permission: string): boolean => permissions[role].includes(permission);

/** Nobody gives, or takes away, a role that may do more than they may. */
export const mayGive = (role: Role): boolean => may("members.write") && permissions[role].every(may);
export const roleChoices = (): { value: Role; label: string }[] => roles.filter(mayGive).map((r) => ({ value: r, label: `${r[0]?.toUpperCase()}${r.slice(1)}: ${roleSays[r].toLowerCase()}` }));
