/**
 * What kinds of values the attributes have, read off the schema by which the driver decodes them: nothing about an
 * attribute is written a second time. The admission policy and the schema for editors are made of it.
 */
import { SchemaAST } from "effect"
import { Attributes } from "../src/spec/Attributes.ts"

/** How an attribute's text is read, as far as a policy or an editor can say it. */
export type Kind =
  | { readonly _tag: "Boolean" }
  | { readonly _tag: "Word"; readonly words: ReadonlyArray<string> }
  | { readonly _tag: "Duration" }
  | { readonly _tag: "Number" }
  | { readonly _tag: "Text" }

const wordsOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  SchemaAST.isUnion(ast)
    ? ast.types.flatMap(wordsOf)
    : SchemaAST.isLiteral(ast) && typeof ast.literal === "string"
      ? [ast.literal]
      : []

const kindOf = (name: string, ast: SchemaAST.AST): Kind => {
  if (SchemaAST.isBoolean(ast)) return { _tag: "Boolean" }
  // A file's mode is octal, and its own rule.
  if (SchemaAST.isNumber(ast)) return { _tag: name === "file-mode" ? "Text" : "Number" }
  const words = wordsOf(ast)
  if (words.length > 0) return { _tag: "Word", words }
  return { _tag: SchemaAST.isDeclaration(ast) ? "Duration" : "Text" }
}

/** Every attribute with the kind of its value, by its name without the prefix. */
export const attributeKinds: ReadonlyArray<readonly [name: string, kind: Kind]> = Object.entries(Attributes.fields).map(
  ([name, field]) => [name, kindOf(name, SchemaAST.toType(field.ast))] as const
)
