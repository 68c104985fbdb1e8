// Activations that are made again in the backward instead of being kept.
//
// A function of Rust comes as a pointer to its data, a way to call it, and a way to drop it. It may be called on any thread,
// never on two at once. It gives back a tensor, or nothing and a text in adm_error().

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/generated/Functions.h>
#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <tuple>
#include <unordered_set>

#include "kept.h"
#include "shim.h"

namespace {

using torch::autograd::Edge;
using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

using Call = int (*)(void*, at::Tensor* const*, size_t, at::Tensor**);
using Drop = void (*)(void*);

// The function, which is dropped with this.
class Function {
 public:
  Function(Call call, Drop drop, void* data) : call_(call), drop_(drop), data_(data) {}
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;
  ~Function() { drop_(data_); }

  at::Tensor operator()(const variable_list& inputs) const {
    std::vector<at::Tensor*> given;
    given.reserve(inputs.size());
    // Each belongs to the callee.
    for (const auto& input : inputs) given.push_back(new at::Tensor(input));
    at::Tensor* out = nullptr;
    if (call_(data_, given.data(), given.size(), &out) != 0) throw std::runtime_error(adm::last_error());
    const std::unique_ptr<at::Tensor> owned(out);
    return *owned;
  }

 private:
  Call call_;
  Drop drop_;
  void* data_;
};

// The generators that a function on these tensors may draw from.
std::vector<at::Generator> generators(const variable_list& inputs) {
  std::vector<at::Generator> found = {at::detail::getDefaultCPUGenerator()};
  for (const auto& input : inputs) {
    if (!input.is_cuda()) continue;
    const auto& own = at::globalContext().defaultGenerator(input.device());
    if (std::find(found.begin(), found.end(), own) == found.end()) found.push_back(own);
  }
  return found;
}

at::Tensor state(at::Generator& generator) {
  std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void set_state(at::Generator& generator, const at::Tensor& state) {
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

// What a generator was before the function drew from it.
struct Drawn {
  at::Generator generator;
  at::Tensor before;
};

// Where generators stand, to see afterwards which of them were drawn from.
class Watch {
 public:
  explicit Watch(const variable_list& inputs) {
    for (auto& generator : generators(inputs)) seen_.push_back({generator, state(generator)});
  }

  std::vector<Drawn> drawn() {
    std::vector<Drawn> moved;
    for (auto& [generator, before] : seen_) {
      const at::Tensor now = state(generator);
      if (std::memcmp(now.data_ptr(), before.data_ptr(), now.nbytes()) != 0) moved.push_back({generator, before});
    }
    return moved;
  }

 private:
  std::vector<Drawn> seen_;
};

// Generators stand where they stood then, until this ends.
class Rewound {
 public:
  explicit Rewound(const std::vector<Drawn>& drawn) {
    for (auto [generator, before] : drawn) {
      now_.push_back({generator, state(generator)});
      set_state(generator, before);
    }
  }
  Rewound(const Rewound&) = delete;
  Rewound& operator=(const Rewound&) = delete;
  ~Rewound() {
    for (auto& [generator, before] : now_) set_state(generator, before);
  }

 private:
  std::vector<Drawn> now_;
};

// Inputs without a past, each with the demand for a gradient that the original has.
variable_list cut(const variable_list& inputs) {
  variable_list leaves;
  leaves.reserve(inputs.size());
  for (const auto& input : inputs) leaves.push_back(input.detach().set_requires_grad(input.requires_grad()));
  return leaves;
}

// One edge of a graph that ends at a leaf.
struct Use {
  Node* node;
  size_t edge;
  at::Tensor leaf;
};

// All edges to leaves, in the order in which a backward goes over them. A leaf whose gradient has several parts gets them
// in this order, and sums of three numbers depend on theirs: so parts are handed on one by one, as if nothing stood
// between.
std::vector<Use> uses(const std::shared_ptr<Node>& root) {
  std::vector<Use> found;
  std::unordered_set<Node*> seen = {root.get()};
  std::vector<Node*> open = {root.get()};
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    for (size_t i = 0; i < node->next_edges().size(); ++i) {
      Node* next = node->next_edges()[i].function.get();
      if (next == nullptr) continue;
      if (auto* end = dynamic_cast<torch::autograd::AccumulateGrad*>(next)) {
        found.push_back({node, i, end->variable});
      } else if (seen.insert(next).second) {
        open.push_back(next);
      }
    }
  }
  std::sort(found.begin(), found.end(), [](const Use& a, const Use& b) {
    const auto first = a.node->sequence_nr(), second = b.node->sequence_nr();
    return std::tie(second, a.edge) < std::tie(first, b.edge);
  });
  return found;
}

// The place of a leaf among the inputs; their number for one that the function brought along.
size_t place(const variable_list& inputs, const at::Tensor& leaf) {
  const auto same = [&](const at::Tensor& input) { return input.is_same(leaf); };
  return std::find_if(inputs.begin(), inputs.end(), same) - inputs.begin();
}

// Where the part of a leaf's gradient that comes over one edge is caught.
struct Catch : Node {
  explicit Catch(const at::Tensor& leaf) { add_input_metadata(leaf); }
  variable_list apply(variable_list&&) override { return {}; }
  std::string name() const override { return "Catch"; }
};

// A function whose graph is built again in the backward. Its edges are those of that graph's ends, in the order of `uses`.
class Recompute : public Node {
 public:
  Recompute(std::shared_ptr<Function> function, std::vector<Drawn> drawn, const variable_list& inputs,
            const variable_list& ends)
      : function_(std::move(function)), drawn_(std::move(drawn)), parts_(ends.size()) {
    set_next_edges(torch::autograd::collect_next_edges(ends));
    for (const auto& input : inputs) {
      learns_.push_back(input.requires_grad());
      inputs_.emplace_back(input, /*is_output=*/false);
    }
    // What is written to before the backward is noticed, weights too.
    for (const auto& end : ends) ends_.emplace_back(end, /*is_output=*/false);
  }

  variable_list apply(variable_list&& gradients) override {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& end : ends_) end.unpack();
    Edge root;
    {
      variable_list inputs;
      for (size_t i = 0; i < inputs_.size(); ++i) {
        inputs.push_back(inputs_[i].unpack().detach().set_requires_grad(learns_[i]));
      }
      const Rewound rewound(drawn_);
      // Off on the threads of a backward.
      const at::AutoGradMode learning(true);
      const at::Tensor output = (*function_)(inputs);
      TORCH_CHECK(output.requires_grad() && output.grad_fn(),
                  "a function that is computed again had a gradient, and has none the second time");
      root = torch::autograd::impl::gradient_edge(output);
    }
    torch::autograd::edge_list caught;
    caught.reserve(parts_);
    for (const auto& use : uses(root.function)) {
      caught.emplace_back(std::make_shared<Catch>(use.leaf), 0);
      use.node->next_edges()[use.edge] = caught.back();
    }
    TORCH_CHECK(caught.size() == parts_, "a function that is computed again has ", caught.size(),
                " parts of gradients, and had ", parts_);
    return torch::autograd::Engine::get_default_engine().execute(
        {std::move(root)}, {std::move(gradients[0])}, /*keep_graph=*/false, /*create_graph=*/false,
        /*accumulate_grad=*/false, caught);
  }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& input : inputs_) input.reset_data();
    for (auto& end : ends_) end.reset_data();
  }

  std::string name() const override { return "Recompute"; }

 private:
  std::shared_ptr<Function> function_;
  std::vector<Drawn> drawn_;
  // Of each input, whether it takes a gradient.
  std::vector<bool> learns_;
  std::vector<SavedVariable> inputs_, ends_;
  size_t parts_;
};

// Makes a tensor again, once for all who ask for it in one backward.
class Maker {
 public:
  explicit Maker(std::unique_ptr<Function> function) : function_(std::move(function)) {}

  void expect() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++expected_;
  }

  // Somebody who was expected asks for the first time, and takes it if `takes`.
  at::Tensor arrive(bool takes) {
    std::lock_guard<std::mutex> lock(mutex_);
    at::Tensor made = takes ? make() : at::Tensor();
    if (--expected_ == 0) made_.reset();
    return made;
  }

  // Somebody asks again.
  at::Tensor again() {
    std::lock_guard<std::mutex> lock(mutex_);
    return (*function_)({});
  }

 private:
  at::Tensor make() {
    if (!made_.defined()) {
      const c10::NoGradGuard no_grad;
      made_ = (*function_)({});
    }
    return made_;
  }

  std::unique_ptr<Function> function_;
  std::mutex mutex_;
  size_t expected_ = 0;
  at::Tensor made_;
};

// Stands in a node for a tensor that is made again.
class Remade : public torch::autograd::SavedVariableHooks {
 public:
  explicit Remade(std::shared_ptr<Maker> maker) : maker_(std::move(maker)) { maker_->expect(); }
  ~Remade() override {
    if (!asked_) maker_->arrive(false);
  }

  void call_pack_hook(const at::Tensor& tensor) override {
    sizes_ = tensor.sizes().vec();
    strides_ = tensor.strides().vec();
    offset_ = tensor.storage_offset();
  }

  at::Tensor call_unpack_hook() override {
    const c10::NoGradGuard no_grad;
    const bool again = asked_;
    asked_ = true;
    return (again ? maker_->again() : maker_->arrive(true)).as_strided(sizes_, strides_, offset_);
  }

 private:
  std::shared_ptr<Maker> maker_;
  bool asked_ = false;
  std::vector<int64_t> sizes_, strides_;
  int64_t offset_ = 0;
};

// What a node keeps of those tensors that may be made again; null for nothing.
SavedVariable* left_factor(Node* node) {
  if (auto* product = dynamic_cast<torch::autograd::generated::MmBackward0*>(node)) return &product->self_;
  if (auto* product = dynamic_cast<torch::autograd::generated::AddmmBackward0*>(node)) return &product->mat1_;
  if (auto* product = dynamic_cast<adm::KeepsFactor*>(node)) return &product->factor();
  return nullptr;
}

}  // namespace

extern "C" {

void adm_tell(const char* text, size_t length) { adm::last_error().assign(text, length); }

int adm_recompute(Call call, Drop drop, void* data, at::Tensor* const* tensors, size_t count, at::Tensor** out) {
  // First of all, so that it is dropped whatever happens.
  const auto function = std::make_shared<Function>(call, drop, data);
  return adm::guarded([&] {
    const variable_list inputs = adm::list(tensors, count);
    if (!c10::GradMode::is_enabled()) {
      *out = new at::Tensor((*function)(inputs));
      return;
    }
    Watch watch(inputs);
    variable_list ends;
    at::Tensor result;
    {
      // With its graph, which is dropped at once: the same code runs both times, and all ends are found, whoever brought
      // them along.
      const variable_list leaves = cut(inputs);
      const at::Tensor output = (*function)(leaves);
      if (output.requires_grad()) {
        TORCH_CHECK(output.grad_fn(), "a function that is computed again has to compute something");
        for (const auto& use : uses(output.grad_fn())) {
          const size_t at = place(leaves, use.leaf);
          ends.push_back(at < count ? inputs[at] : use.leaf);
        }
      }
      result = output.variable_data();
    }
    if (!ends.empty()) {
      const std::shared_ptr<Recompute> node(new Recompute(function, watch.drawn(), inputs, ends),
                                            torch::autograd::deleteNode);
      torch::autograd::set_history(result, node);
    }
    *out = new at::Tensor(std::move(result));
  });
}

// Products between `made` and `output` that keep `made` for their backward have it made again. Gives how many do.
int adm_remake(Call call, Drop drop, void* data, at::Tensor* made, at::Tensor* output, size_t* places) {
  auto function = std::make_unique<Function>(call, drop, data);
  return adm::guarded([&] {
    *places = 0;
    const auto& start = output->grad_fn();
    if (!start) return;
    const auto maker = std::make_shared<Maker>(std::move(function));
    // The number of the expected never falls to nothing while places are looked for.
    maker->expect();
    const Node* end = made->grad_fn().get();
    std::unordered_set<Node*> seen = {start.get()};
    std::vector<Node*> open = {start.get()};
    while (!open.empty()) {
      Node* node = open.back();
      open.pop_back();
      // What is older than `made` keeps nothing of it, and may be the rest of the model.
      if (end != nullptr && node->sequence_nr() <= end->sequence_nr()) continue;
      if (SavedVariable* factor = left_factor(node); factor != nullptr) {
        const auto raw = factor->get_raw_data();
        if (raw && raw->defined() && raw->data_ptr() == made->data_ptr() && raw->numel() == made->numel()) {
          factor->register_hooks(std::make_unique<Remade>(maker));
          ++*places;
        }
      }
      for (const auto& edge : node->next_edges()) {
        if (edge.function && seen.insert(edge.function.get()).second) open.push_back(edge.function.get());
      }
    }
    maker->arrive(false);
  });
}

}  // extern "C"
