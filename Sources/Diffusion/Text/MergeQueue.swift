/// Pairs of neighbouring symbols that may be merged: the best-ranked first, of equal ones the
/// leftmost. A binary heap.
struct MergeQueue {
  struct Candidate {
    let rank: Int
    /// Of the pair's left symbol.
    let position: Int

    static func precedes(_ first: Candidate, _ second: Candidate) -> Bool {
      (first.rank, first.position) < (second.rank, second.position)
    }
  }

  private var heap: [Candidate] = []

  mutating func insert(_ candidate: Candidate) {
    heap.append(candidate)
    var index = heap.count - 1
    while index > 0, Candidate.precedes(heap[index], heap[(index - 1) / 2]) {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func popFirst() -> Candidate? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if heap.isEmpty { return first }
    heap[0] = last
    var index = 0
    while true {
      let left = 2 * index + 1
      let right = left + 1
      guard left < heap.count else { return first }
      var child = left
      if right < heap.count, Candidate.precedes(heap[right], heap[left]) { child = right }
      guard Candidate.precedes(heap[child], heap[index]) else { return first }
      heap.swapAt(index, child)
      index = child
    }
  }
}
