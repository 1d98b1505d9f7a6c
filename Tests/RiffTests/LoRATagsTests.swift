import Riff
import Testing

@Suite("Tags of LoRAs in prompts")
struct LoRATagsTests {
  @Test(
    arguments: [
      ("church bells", "church bells", []),
      (" church  bells ", " church  bells ", []),
      ("church <lora:lcm> bells", "church bells", [LoRAUse("lcm")]),
      ("<lora:lcm:0.5> church bells", "church bells", [LoRAUse("lcm", weight: 0.5)]),
      (
        "church bells <lora:a:-1><lora:b:2>", "church bells",
        [
          LoRAUse("a", weight: -1), LoRAUse("b", weight: 2),
        ]
      ),
      ("church <lora:a>bells", "church bells", [LoRAUse("a")]),
      ("a <lora:a", "a <lora:a", []), ("a < b > c", "a < b > c", []),
      ("<lora:été:1e-1>", "", [LoRAUse("été", weight: 0.1)]),
    ] as [(String, String, [LoRAUse])])
  func theyAreTakenOut(prompt: String, words: String, loras: [LoRAUse]) {
    let tags = LoRATags(prompt)
    #expect(tags.prompt == words)
    #expect(tags.loras == loras)
    #expect(tags.unreadable.isEmpty)
    #expect(tags.isEmpty == loras.isEmpty)
  }

  @Test(arguments: [
    "<lora:>", "<lora:a:>", "<lora:a:b>", "<lora:a b:1>", "<lora:a:1:2>", "<lora:a:nan>",
  ])
  func thoseThatCannotBeReadAreKept(tag: String) {
    let tags = LoRATags("bells \(tag)")
    #expect(tags.unreadable == [tag])
    #expect(tags.loras.isEmpty && !tags.isEmpty)
  }

  @Test func usesAreReadAsTheyAreWritten() throws {
    for use in [LoRAUse("a"), LoRAUse("b", weight: -0.35), LoRAUse("c", weight: 1.0 / 3)] {
      #expect(LoRAUse(reading: "\(use)") == use)
    }
    #expect("\(LoRAUse("a", weight: 0.5))" == "a:0.5")
    #expect(LoRALocation(name: "a:b", path: "/x") == nil)
  }

  /// What a jam plays may change, but not the LoRAs that it plays with.
  @Test func aJamKeepsThoseItBeganWith() {
    var change = JamChange(id: 1)
    change.prompts = [WeightedPrompt("bells <lora:a>")]
    var faults = RequestFaults()
    change.check(&faults)
    let error = #expect(throws: JobError.self) { try faults.throwIfAny() }
    #expect(error?.field == "prompts")
  }
}
