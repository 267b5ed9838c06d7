// Says which OpenAPI a document is, or what keeps it from being that.
import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'

const validator = new Validator()
const result = await validator.validate(JSON.parse(await readFile(process.argv[2], 'utf8')))
if (result.valid) {
  console.log(`OpenAPI ${validator.version}`)
} else {
  console.error(JSON.stringify(result.errors, null, 2))
  process.exitCode = 1
}
