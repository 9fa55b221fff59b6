/** A link in a Markdown text: where it stands and what it points to. */
export interface Link {
  readonly line: number;
  readonly target: string;
}

const fence = /^\s*(```+|~~~+)/;

/** The lines of a Markdown text that are prose: fenced blocks are blank, so that line numbers stay. */
export function proseLines(text: string): string[] {
  let open: string | undefined;
  return text.split('\n').map((line) => {
    const mark = fence.exec(line)?.[1];
    if (mark !== undefined && (open === undefined || mark.startsWith(open))) {
      open = open === undefined ? mark : undefined;
      return '';
    }
    return open === undefined ? line : '';
  });
}

export function linksIn(text: string): Link[] {
  return proseLines(text).flatMap((prose, index) => {
    const line = prose.replace(/(`+)(?!`).*?(?<!`)\1(?!`)/g, '');
    const inline = [
      ...line.matchAll(/\]\(\s*<?([^()\s>]+(?:\([^()\s]*\)[^()\s>]*)?)>?(?:\s+"[^"]*")?\s*\)/g),
    ];
    const reference = [...line.matchAll(/^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)/g)];
    return [...inline, ...reference].map(([, target = '']) => ({ line: index + 1, target }));
  });
}

/** The anchors of a Markdown text's headings, as the usual renderers derive them, and of its explicit ids. */
export function anchorsIn(text: string): Set<string> {
  const anchors = new Set<string>();
  const times = new Map<string, number>();
  for (const line of proseLines(text)) {
    for (const [, id = ''] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const seen = times.get(slug) ?? 0;
    times.set(slug, seen + 1);
    anchors.add(seen === 0 ? slug : `${slug}-${seen}`);
  }
  return anchors;
}

/** What a check of links needs to know of the repository: a file's text, or undefined where there is none. */
export type Lookup = (file: string) => { readonly text?: string | undefined } | undefined;

/** Links of a document that lead nowhere, one sentence each. Links out of the repository are not followed. */
export function brokenLinks(file: string, text: string, lookup: Lookup): string[] {
  const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/') + 1) : '';
  return linksIn(text).flatMap(({ line, target }) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return [];
    const [path = '', anchor] = decodeURIComponent(target).split('#');
    const linked = path === '' ? file : new URL(path, `file:///${folder}`).pathname.slice(1);
    const found = lookup(decodeURIComponent(linked).replace(/\/$/, ''));
    if (found === undefined) return [`${file}:${line}: ${target} leads nowhere`];
    if (anchor === undefined || found.text === undefined || !linked.endsWith('.md')) return [];
    return anchorsIn(found.text).has(anchor)
      ? []
      : [`${file}:${line}: ${target} names a heading that is not there`];
  });
}
