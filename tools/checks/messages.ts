import { type ESTree, parseSync } from 'rolldown/utils';
import { type Comment, commentsIn } from './comments.ts';

/** A message type as its declaration describes it. */
export interface MessageShape {
  /** The declaration's name. */
  readonly name: string;
  readonly type: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Its own fields and those of its kind, without the envelope. */
  readonly fields: readonly string[];
  /** What the comment above it says, without what it cites. */
  readonly about: string;
}

type Declaration = ESTree.TSInterfaceDeclaration | ESTree.TSTypeAliasDeclaration;
type Type = ESTree.TSType;
/** What stands for each type parameter: the texts of a union of string literals. */
type Bindings = ReadonlyMap<string, readonly string[]>;

/** Longer types of fields are left out. */
const FIELD_TYPE_MAX = 40;
const ENVELOPE = ['type', 'from', 'to', 'thread'];

interface Found {
  readonly file: string;
  readonly declaration: Declaration;
  readonly exported: boolean;
  readonly about: string;
}

/** All declarations of a source by name. */
function declarationsIn(file: string, text: string): Map<string, Found> {
  const comments = commentsIn(file, text);
  const found = new Map<string, Found>();
  for (const statement of parseSync(file, text).program.body) {
    const exported = statement.type === 'ExportNamedDeclaration';
    const declaration = exported ? statement.declaration : statement;
    const isType =
      declaration?.type === 'TSInterfaceDeclaration' || declaration?.type === 'TSTypeAliasDeclaration';
    if (isType)
      found.set(declaration.id.name, {
        file,
        declaration,
        exported,
        about: above(comments, text, statement.start),
      });
  }
  return found;
}

/** The comment that ends right before a statement. */
function above(comments: readonly Comment[], text: string, start: number): string {
  const before = text.slice(0, start);
  if (!before.trimEnd().endsWith('*/')) return '';
  const begins = before.slice(0, before.lastIndexOf('/**')).split('\n').length;
  const comment = comments.find(({ line }) => line === begins);
  return (comment?.text ?? '')
    .split(/@see|\n\s*\n|\bAbstraction:/)[0]!
    .replace(/\s+/g, ' ')
    .trim();
}

class Reader {
  /** Declarations by file and name: what a file keeps for itself may have a name that another has too. */
  readonly #files: ReadonlyMap<string, ReadonlyMap<string, Found>>;
  readonly #texts: ReadonlyMap<string, string>;

  constructor(files: readonly { readonly file: string; readonly text: string }[]) {
    this.#files = new Map(files.map(({ file, text }) => [file, declarationsIn(file, text)]));
    this.#texts = new Map(files.map(({ file, text }) => [file, text]));
  }

  /** The messages that a file declares and exports, each with one name for its type. */
  messages(file: string): MessageShape[] {
    return [...(this.#files.get(file) ?? [])].flatMap(([name, found]) => {
      const isOpen = found.declaration.typeParameters?.params.some((parameter) => parameter.default === null);
      if (!found.exported || isOpen === true) return [];
      const shape = this.#referred(file, name, [], new Map());
      const [type] = shape.type;
      if (type === undefined || shape.type.length > 1 || shape.from.length === 0) return [];
      return [{ name, ...shape, type, about: found.about }];
    });
  }

  /** What a name stands for in a file: its own declaration, or one that another file exports. */
  #named(file: string, name: string): Found | undefined {
    const own = this.#files.get(file)?.get(name);
    if (own !== undefined) return own;
    for (const declarations of this.#files.values()) {
      const other = declarations.get(name);
      if (other?.exported === true) return other;
    }
    return undefined;
  }

  #shapeOf({ file, declaration }: Found, bindings: Bindings): Shape {
    if (declaration.type === 'TSTypeAliasDeclaration')
      return this.#partsOf(file, declaration.typeAnnotation, bindings).reduce(joined, NOTHING);
    const inherited = declaration.extends.map(({ expression, typeArguments }) =>
      expression.type === 'Identifier'
        ? this.#referred(file, expression.name, typeArguments?.params ?? [], bindings)
        : NOTHING,
    );
    const own = { ...NOTHING, fields: this.#fieldsOf(file, declaration.body.body) };
    return [...inherited, own].reduce(joined, NOTHING);
  }

  #partsOf(file: string, type: Type, bindings: Bindings): readonly Shape[] {
    if (type.type === 'TSIntersectionType')
      return type.types.flatMap((part) => this.#partsOf(file, part, bindings));
    if (type.type === 'TSTypeLiteral') return [{ ...NOTHING, fields: this.#fieldsOf(file, type.members) }];
    if (type.type !== 'TSTypeReference' || type.typeName.type !== 'Identifier') return [];
    return [this.#referred(file, type.typeName.name, type.typeArguments?.params ?? [], bindings)];
  }

  /** A named type with its parameters bound. */
  #referred(file: string, name: string, given: readonly Type[], bindings: Bindings): Shape {
    const found = this.#named(file, name);
    if (found === undefined) return NOTHING;
    const bound = new Map<string, readonly string[]>();
    for (const [at, parameter] of (found.declaration.typeParameters?.params ?? []).entries()) {
      const argument = given[at] ?? parameter.default;
      if (argument !== null) bound.set(parameter.name.name, this.#literals(file, argument, bindings));
    }
    if (name !== 'Message' && name !== 'Call') return this.#shapeOf(found, bound);
    const of = (parameter: string) => bound.get(parameter) ?? [];
    return { type: of('Type'), from: of('From'), to: of('To'), fields: [] };
  }

  /** The texts of a string literal, of a union of them, or of a name that stands for one. */
  #literals(file: string, type: Type, bindings: Bindings): readonly string[] {
    if (type.type === 'TSUnionType')
      return type.types.flatMap((each) => this.#literals(file, each, bindings));
    if (type.type === 'TSLiteralType' && type.literal.type === 'Literal') return [String(type.literal.value)];
    if (type.type !== 'TSTypeReference' || type.typeName.type !== 'Identifier') return [];
    const { name } = type.typeName;
    const known = bindings.get(name);
    if (known !== undefined) return known;
    const alias = this.#named(file, name);
    if (alias?.declaration.type !== 'TSTypeAliasDeclaration') return [];
    return this.#literals(alias.file, alias.declaration.typeAnnotation, new Map());
  }

  #fieldsOf(file: string, members: readonly ESTree.TSSignature[]): readonly string[] {
    const text = this.#texts.get(file) ?? '';
    return members.flatMap((member) => {
      if (member.type !== 'TSPropertySignature' || member.key.type !== 'Identifier') return [];
      const annotation = member.typeAnnotation?.typeAnnotation;
      const isShort = annotation !== undefined && annotation.end - annotation.start <= FIELD_TYPE_MAX;
      const type = isShort ? text.slice(annotation.start, annotation.end).replace(/\breadonly /g, '') : '…';
      return ENVELOPE.includes(member.key.name) ? [] : [`${member.key.name}: ${type}`];
    });
  }
}

interface Typed {
  readonly type: readonly string[];
}
type Shape = Omit<MessageShape, 'name' | 'type' | 'about'> & Typed;
const NOTHING: Shape = { type: [], from: [], to: [], fields: [] };

const joined = (a: Shape, b: Shape): Shape => ({
  type: [...a.type, ...b.type],
  from: [...a.from, ...b.from],
  to: [...a.to, ...b.to],
  fields: [...a.fields, ...b.fields],
});

/** The messages of one file, read together with the files that declare what it is made of. */
export const messagesIn = (
  file: string,
  all: readonly { readonly file: string; readonly text: string }[],
): readonly MessageShape[] => new Reader(all).messages(file);
