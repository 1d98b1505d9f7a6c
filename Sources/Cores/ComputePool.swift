internal import CCores
internal import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A fixed number of threads that share loops: `run` and `split` by a static rule, slice i on thread i, for
/// sums whose bytes depend on where the loop is cut; `share` by who is free.
///
/// `run` is called from one thread at a time: whoever has the ``Engine``'s turn. A pool that runs its
/// slices in order may be used by several.
package final class ComputePool: Sendable {
  package typealias Body = @Sendable (_ slice: Int) -> Void

  /// How many share the work, the caller of `run` among them.
  package let threads: Int
  private let shared: Shared
  private let workers: [pthread_t]

  /// - Throws: ``CoresError`` where `threads` is not 1 to 1,024 or the system has no thread to give.
  package init(threads: Int) throws(CoresError) {
    guard 1...1_024 ~= threads else {
      throw CoresError(.threads, "threads must be 1 to 1024, not \(threads)")
    }
    self.threads = threads
    shared = Shared()
    var workers: [pthread_t] = []
    for index in 1..<max(threads, 1) {
      guard let worker = Self.start(index, shared) else {
        shared.stop()
        for worker in workers { pthread_join(worker, nil) }
        throw CoresError(
          .outOfResources, "compute thread \(index) of \(threads) cannot be started")
      }
      workers.append(worker)
    }
    self.workers = workers
  }

  /// A pool without threads of its own: the caller's runs all slices, one after the other. They are those of
  /// `threads` threads, and so are the bytes.
  init(inOrder threads: Int) {
    self.threads = threads
    shared = Shared()
    workers = []
  }

  deinit {
    shared.stop()
    for worker in workers { pthread_join(worker, nil) }
  }

  /// Runs `body` for the slices `0 ..< slices`, at most one a thread; returns when all are done.
  package func run(slices: Int, _ body: Body) {
    precondition(slices <= threads)
    guard slices > 1, !workers.isEmpty else {
      for slice in 0..<max(slices, 0) { body(slice) }
      return
    }
    withoutActuallyEscaping(body) { body in
      shared.begin(slices: slices, workers: workers.count, body: body)
      body(0)
      shared.waitUntilDone()
    }
  }

  /// Runs `body` for the parts `0 ..< parts` on at most `slices` threads, each of which takes the next part
  /// when it has done one: no thread waits for another that somebody else's work holds up. What a part
  /// computes must not depend on who does it; `slice` is for scratch memory alone.
  package func share(
    parts: Int, slices: Int, _ body: @Sendable (_ slice: Int, _ part: Int) -> Void
  ) {
    guard parts > slices else {
      return run(slices: parts) { body($0, $0) }
    }
    let next = NextPart()
    run(slices: slices) { slice in
      while true {
        let part = next.take()
        guard part < parts else { return }
        body(slice, part)
      }
    }
  }

  private final class NextPart: Sendable {
    private let next = Atomic<Int>(0)

    func take() -> Int { next.add(1, ordering: .relaxed).oldValue }
  }

  /// Splits `0 ..< count` into contiguous ranges of at least `grain`, one a thread.
  package func split(_ count: Int, grain: Int, _ body: @Sendable (_ range: Range<Int>) -> Void) {
    guard count > 0 else { return }
    let slices = max(1, min(threads, count / max(grain, 1)))
    run(slices: slices) { slice in
      body(count * slice / slices..<count * (slice + 1) / slices)
    }
  }

  private final class Start {
    let index: Int
    let shared: Shared
    init(index: Int, shared: Shared) {
      self.index = index
      self.shared = shared
    }
  }

  private static func start(_ index: Int, _ shared: Shared) -> pthread_t? {
    let start = Unmanaged.passRetained(Start(index: index, shared: shared))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let status = pthread_create(
      &thread, nil,
      { argument in
        // The argument is the object retained above, passed exactly once.
        let raw: UnsafeMutableRawPointer? = argument
        guard let raw else { return nil }
        let start = Unmanaged<Start>.fromOpaque(raw).takeRetainedValue()
        start.shared.work(index: start.index)
        return nil
      }, start.toOpaque())
    guard status == 0 else {
      start.release()
      return nil
    }
    return thread
  }

  /// What the threads share. `body` and `slices` are written before `generation` is raised
  /// (releasing) and read after it is seen (acquiring); a worker lowers `pending` when it no longer
  /// touches them.
  private final class Shared: @unchecked Sendable {
    /// How long a thread looks before it sleeps: about as long as it takes to be woken, some tens of
    /// microseconds.
    private static let patience = 1_000

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private let generation = Atomic<Int>(0)
    private let pending = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private var body: Body?
    private var slices = 0

    init() {
      mutex = .allocate(capacity: 1)
      changed = .allocate(capacity: 1)
      mutex.initialize(to: pthread_mutex_t())
      changed.initialize(to: pthread_cond_t())
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(changed, nil)
    }

    deinit {
      pthread_cond_destroy(changed)
      pthread_mutex_destroy(mutex)
      changed.deallocate()
      mutex.deallocate()
    }

    func begin(slices: Int, workers: Int, body: @escaping Body) {
      self.body = body
      self.slices = slices
      pending.store(workers, ordering: .relaxed)
      generation.add(1, ordering: .releasing)
      announce()
    }

    func waitUntilDone() {
      wait { pending.load(ordering: .acquiring) == 0 }
      body = nil
    }

    func stop() {
      stopping.store(true, ordering: .releasing)
      announce()
    }

    func work(index: Int) {
      var seen = 0
      while true {
        wait {
          generation.load(ordering: .acquiring) != seen || stopping.load(ordering: .acquiring)
        }
        guard !stopping.load(ordering: .acquiring) else { return }
        seen += 1
        if index < slices { body?(index) }
        if pending.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { announce() }
      }
    }

    private func announce() {
      pthread_mutex_lock(mutex)
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(mutex)
    }

    private func wait(until condition: () -> Bool) {
      for _ in 0..<Self.patience {
        if condition() { return }
        cores_spin_pause()
      }
      pthread_mutex_lock(mutex)
      while !condition() { pthread_cond_wait(changed, mutex) }
      pthread_mutex_unlock(mutex)
    }
  }
}
