# Runs before every user's own script: what SpamAssassin calls spam goes to the Spam folder.
# As nothing is kept then, the user's script does not run, so none files spam among good mail.
require ["fileinto", "mailbox"];

if header :is "X-Spam-Flag" "YES" {
    fileinto :create "Spam";
}
