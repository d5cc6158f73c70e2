# SPDX-License-Identifier: Apache-2.0
# make install [DESTDIR=] [prefix=/usr] [unitdir=]: what packages contain.
# Programs look for each other beside themselves, in this layout, below /usr.
# make deb: build/deb/*.deb, from what is built (debhelper 13).
unitdir ?= $(prefix)/lib/systemd/system
MAN := $(patsubst docs/man/%.scd,build/man/%,$(wildcard docs/man/*.scd))
INST := install -D -m 644
COMPLETIONS := build/completion/donjon build/completion/_donjon build/completion/donjon.fish

build/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(Q)scdoc <$< >$@
build/completion/donjon: SHELL_NAME = bash
build/completion/_donjon: SHELL_NAME = zsh
build/completion/donjon.fish: SHELL_NAME = fish
$(COMPLETIONS): build/donjon
	@mkdir -p $(@D)
	$(Q)build/donjon completion $(SHELL_NAME) >$@

.PHONY: man install deb
man: $(MAN)
install: all $(MAN) $(COMPLETIONS)
	install -D build/donjon $(DESTDIR)$(prefix)/bin/donjon
	install -D build/donjond $(DESTDIR)$(prefix)/sbin/donjond
	install -D -t $(DESTDIR)$(prefix)/libexec/donjon build/donjon-launch \
		build/donjon-emu build/donjon-emu-init build/donjon-emu-sgx \
		build/donjon-sgx-sign $(if $(HAVE_LLVM),build/donjon-aot)
	$(INST) -t $(DESTDIR)$(prefix)/lib/donjon/keep $(IMAGES)
	$(INST) -t $(DESTDIR)$(unitdir) host/agent/donjond.service \
		host/agent/donjond.socket
	$(INST) host/agent/donjon.sysusers \
		$(DESTDIR)$(prefix)/lib/sysusers.d/donjon.conf
	for m in $(MAN); do \
		$(INST) -t $(DESTDIR)$(prefix)/share/man/man$${m##*.} $$m || exit; \
	done
	$(INST) build/completion/donjon \
		$(DESTDIR)$(prefix)/share/bash-completion/completions/donjon
	$(INST) build/completion/_donjon \
		$(DESTDIR)$(prefix)/share/zsh/vendor-completions/_donjon
	$(INST) build/completion/donjon.fish \
		$(DESTDIR)$(prefix)/share/fish/vendor_completions.d/donjon.fish
	$(INST) -t $(DESTDIR)$(prefix)/share/doc/donjon README.md CHANGES.md \
		SECURITY.md docs/api.md docs/threat-model.md docs/protocol.md

# In a folder of its own, so that nothing of debhelper's is left in the tree;
# what was built is packaged, and not built again.
deb: all $(MAN) $(COMPLETIONS)
	@rm -rf build/deb
	@mkdir -p build/deb/donjon
	@cp -r debian build/deb/donjon/
	@$(MAKE) --no-print-directory install prefix=/usr \
		unitdir=/lib/systemd/system \
		DESTDIR=$(CURDIR)/build/deb/staged >/dev/null
	@cd build/deb/donjon && DONJON_STAGED=$(CURDIR)/build/deb/staged DEB_BUILD_OPTIONS=noautodbgsym \
		$(if $(filter 0,$(shell id -u)),,fakeroot) debian/rules binary \
		>../log 2>&1 || { tail -20 ../log >&2; exit 1; }
	@ls build/deb/*.deb
