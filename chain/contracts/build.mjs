// Compiles the contracts of this folder; the JSON files beside them are its output. From the project's root:
//
//     npm install --no-save solc@0.8.37 && node chain/contracts/build.mjs
//
// The compiler is no dependency of the project: the contracts hardly ever change, and their artefacts are kept.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const solc = createRequire(`${process.cwd()}/package.json`)("solc");
// Paris: no opcode that an older chain lacks.
const evmVersion = "paris";

for (const name of ["TestUSDT", "TestWallet"]) {
  const file = `${name}.sol`;
  const source = readFileSync(new URL(file, import.meta.url), "utf8");
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: "Solidity",
        sources: { [file]: { content: source } },
        settings: {
          evmVersion,
          optimizer: { enabled: true, runs: 200 },
          // Without the metadata hash the same source gives the same bytes everywhere.
          metadata: { bytecodeHash: "none" },
          outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
        },
      }),
    ),
  );
  if (output.errors?.length) {
    console.error(output.errors.map((error) => error.formattedMessage).join("\n"));
    process.exit(1);
  }
  const { abi, evm } = output.contracts[file][name];
  const artefact = {
    contractName: name,
    compiler: solc.version(),
    evmVersion,
    sourceSha256: createHash("sha256").update(source).digest("hex"),
    abi,
    bytecode: `0x${evm.bytecode.object}`,
  };
  writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(artefact, null, 2)}\n`);
  console.log(`${name}: ${(evm.bytecode.object.length / 2).toLocaleString("en")} bytes`);
}
