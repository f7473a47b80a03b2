/** The code blocks and the commands of the documents. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './sources.ts'

export interface Block {
  readonly document: string
  /** The heading above the block. */
  readonly heading: string
  /** The word after the three backquotes; empty for none. */
  readonly language: string
  readonly text: string
}

export function documents(): string[] {
  return [
    'README.md',
    'CONTRIBUTING.md',
    'ARCHITECTURE.md',
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ].sort()
}

function textOfDocument(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8')
}

export function blocksOf(document: string): Block[] {
  const blocks: Block[] = []
  const text = textOfDocument(document)
  for (const match of text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const heading = [...text.slice(0, match.index).matchAll(/^#+ (.*)$/gm)].at(-1)?.[1] ?? ''
    blocks.push({ document, heading, language: match[1] as string, text: match[2] as string })
  }
  return blocks
}

/** The texts between backquotes in a document, outside of its blocks. */
export function inlineOf(document: string): string[] {
  const text = textOfDocument(document).replace(/^```[\s\S]*?^```$/gm, '')
  return [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] as string)
}

/** A line that begins with `$ `, and the output below it. */
export interface Step {
  readonly command: string
  readonly shown: readonly string[]
}

export function stepsOf(session: string): Step[] {
  return session
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command, ...shown] = step.trimEnd().split('\n')
      return { command: command as string, shown }
    })
}
